"""The contract of a make of GPU: what its module must define. GPUS lists the modules by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from stackctl.contracts.cause import Cause
from stackctl.contracts.gpu_trial import Inside, Lack
from stackctl.contracts.host import Gpu
from stackctl.contracts.memory import Device
from stackctl.contracts.service import GpuRequest, Variant

TIMED_OUT: Final = 124  # the exit code, as timeout(1) has it, of a program that did not end in time
NOT_GIVEN: Final = "the container was made without the GPU that was asked for"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """The ways in which an engine can pass GPUs on to its containers."""

    version: tuple[int, ...]  # the engine's version
    runtimes: tuple[str, ...] = ()  # the names of its runtimes
    cdi_devices: tuple[str, ...] = ()  # full names, such as nvidia.com/gpu=0
    is_local: bool = True  # it runs on this machine, so cdi_devices is complete
    is_rootless: bool = False  # its containers have no group of this machine
    keeps_groups: bool = False  # a rootless one can leave its user's groups to a container ("keep-groups")
    # the engine's name if it takes CDI devices as device files instead of reserving GPUs; "" if it reserves them
    product: str = ""
    describe_cdi: str = ""  # the command that describes the GPUs in the CDI files again; "" for the make's usual one


@dataclass(frozen=True, kw_only=True)
class Toolkit:
    """The programs by which an engine passes GPUs of a make on.

    tool: the one that sets up the others; hooks: without one of them on its PATH the engine has no driver for them;
    runtime: the program of the runtime RUNTIME; kind: of the CDI devices, with its "="; oldest: the oldest version
    without a known fault, and why: a clause on older ones; module: the kernel's, whose version the driver's library
    must have.
    """

    tool: str
    hooks: tuple[str, ...]
    runtime: str
    kind: str
    module: str
    oldest: tuple[int, ...] = ()
    why: str = ""


def says_nothing(request: GpuRequest, gpus: tuple[Gpu, ...], offer: Offer | None) -> tuple[str, ...]:  # noqa: ARG001 - the default of Make.remarks
    """Return no remark."""
    return ()


class Make(Protocol):
    """All that a plan knows about one make of GPU. The module names the source of every fact."""

    NAME: str  # as in GpuRequest.make
    MODES: Mapping[str, str]  # value of gpu.mode -> name of the mechanism that passes the GPU on
    IS_AUTO: bool  # whether gpu.mode = "auto" may choose one of them
    RUNTIME: str  # the engine's runtime that one of these modes needs; "" if none needs one
    TOOLKIT: Toolkit | None  # None if the engine passes its GPUs on by itself
    VARIANT: Variant  # the variant of a backend's image
    DEVICE: Device  # the device for which its memory is estimated
    NODES: tuple[str, ...]  # device files that a container with its GPU must be able to open, where they exist
    LOOKS_FOR: tuple[str, ...]  # patterns, as a shell has them, of the device files that a container with its GPUs has
    VARIABLES: tuple[str, ...]  # the variables that name a container's GPUs to its driver
    LISTING: tuple[str, ...]  # the program that lists the GPUs, which its driver brings into containers; () if none

    def passed_on(self, seen: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
        """Return those of a machine's GPUs that it can pass on, in the order in which gpu.devices counts them."""
        ...

    def choose_mode(self, offer: Offer | None) -> str:
        """Return the one of MODES that suits this engine; offer: None if no engine was asked."""
        ...

    def request(self, mode: str, devices: tuple[str, ...], gpus: tuple[Gpu, ...], offer: Offer | None) -> GpuRequest:
        """Return what a service needs to get these devices (("all",), indices, UUIDs) in one of MODES.

        gpus: the same as observed, in the order in which the program will count them; () if they are not visible from
        here. Raise GpuError if the engine is known to lack one of them.
        """
        ...

    def count(self, request: GpuRequest, gpus: tuple[Gpu, ...]) -> int:
        """Return how many GPUs a request brings, at least 1; gpus: those of this make on this machine."""
        ...

    def remarks(self, request: GpuRequest, gpus: tuple[Gpu, ...], offer: Offer | None) -> tuple[str, ...]:
        """Return what a deploy says about this request: what is not known, or not tried. gpus: as for request()."""
        ...

    def is_given(self, request: GpuRequest, drivers: tuple[str, ...], devices: tuple[str, ...]) -> bool:
        """Return whether a container has what was requested.

        drivers: those that gave it GPUs; devices: the paths of its device files inside the container.
        """
        ...

    def find_lack(self, request: GpuRequest, inside: Inside, expected: int | None) -> Lack | None:
        """Return what a container lacks that its requested device files alone do not show; None if nothing.

        expected: how many GPUs it must see; None if that is unknown.
        """
        ...

    def describe_way(self, request: GpuRequest, inside: Inside | None) -> str:
        """Return by which way the engine gives this request's GPUs, as "by CDI", as far as the inside shows it."""
        ...

    def lost(self, node: str) -> Cause:
        """Return the cause of a health check that could not open this one of NODES."""
        ...
