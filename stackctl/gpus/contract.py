"""The contract of a make of GPU: what its module must define. GPUS lists the modules by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from stackctl.contracts.host import Gpu
from stackctl.contracts.memory import Device
from stackctl.contracts.service import GpuRequest, Variant

NOT_GIVEN: Final = "the container was made without the GPU that was asked for"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """The ways in which an engine can pass GPUs on to its containers."""

    version: tuple[int, ...]  # the engine's version
    runtimes: tuple[str, ...] = ()  # the names of its runtimes
    cdi_devices: tuple[str, ...] = ()  # full names, such as nvidia.com/gpu=0
    is_local: bool = True  # it runs on this machine, so cdi_devices is complete
    # the engine's name if it takes CDI devices as device files instead of reserving GPUs; "" if it reserves them
    product: str = ""


class Make(Protocol):
    """All that a plan knows about one make of GPU. The module names the source of every fact."""

    NAME: str  # as in Gpu.make and GpuRequest.make
    MODES: Mapping[str, str]  # value of gpu.mode -> name of the mechanism that passes the GPU on
    IS_AUTO: bool  # whether gpu.mode = "auto" may choose one of them
    RUNTIME: str  # the engine's runtime that one of these modes needs; "" if none needs one
    VARIANT: Variant  # the variant of a backend's image
    DEVICE: Device  # the device for which its memory is estimated

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

    def is_given(self, request: GpuRequest, drivers: tuple[str, ...], devices: tuple[str, ...]) -> bool:
        """Return whether a container has what was requested.

        drivers: those that gave it GPUs; devices: the paths of its device files inside the container.
        """
        ...
