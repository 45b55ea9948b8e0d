"""What a make of GPU must say of itself. A make is a module; GPUS lists them by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from stackctl.contracts.host import Gpu
from stackctl.contracts.memory import Device
from stackctl.contracts.service import GpuRequest, Variant

NOT_GIVEN: Final = "the container was made without the GPU that was asked for"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """With what an engine can give its containers GPUs."""

    version: tuple[int, ...]  # of the engine
    runtimes: tuple[str, ...] = ()  # by name
    cdi_devices: tuple[str, ...] = ()  # by full name, such as nvidia.com/gpu=0
    is_local: bool = True  # so that all its CDI devices could be seen
    product: str = ""  # its name where it reserves no GPUs, and takes CDI devices as device files; "": it reserves


class Make(Protocol):
    """All that a plan knows of one make of GPU. Every fact carries its source in the module."""

    NAME: str  # as in Gpu.make and GpuRequest.make
    MODES: Mapping[str, str]  # value of gpu.mode -> in words what passes the GPU on
    RUNTIME: str  # the runtime of the engine that one of these modes needs; "": none of them needs one
    VARIANT: Variant  # which image of a backend
    DEVICE: Device  # as which its memory is estimated

    def choose_mode(self, offer: Offer | None) -> str:
        """Which of MODES suits this engine; `offer`: None where no engine is asked."""
        ...

    def request(self, mode: str, devices: tuple[str, ...], offer: Offer | None) -> GpuRequest:
        """What a service needs to have these devices (("all",), indices, UUIDs) in one of MODES.

        Raises GpuError where the engine is known not to have them.
        """
        ...

    def count(self, request: GpuRequest, gpus: tuple[Gpu, ...]) -> int:
        """How many GPUs a request brings, at least 1; `gpus`: those of this make that were seen."""
        ...

    def is_given(self, request: GpuRequest, drivers: tuple[str, ...], devices: tuple[str, ...]) -> bool:
        """Whether a container has what was requested.

        `drivers`: through which it was given GPUs; `devices`: the paths in it of the device files that it was given.
        """
        ...
