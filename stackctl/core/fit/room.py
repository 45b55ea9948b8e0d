"""The memory of a machine that a model may take, and what a way to run it lacks there."""

from dataclasses import dataclass, replace
from typing import Final

from stackctl.core.fit import Fit
from stackctl.core.fit.speed import Bandwidths

RESERVE_MIB: Final = 512  # of each GPU, by default
_MARGIN, _LEAST_MARGIN_MIB, _WSL_MARGIN_MIB = 0.03, 300, 1024


@dataclass(frozen=True, kw_only=True)
class Room:
    """The memory that may be used: free now, or held by the run that this one replaces."""

    gpus_mib: tuple[int, ...] = ()
    totals_mib: tuple[int, ...] = ()  # the total of each GPU; () if it equals the free memory
    indices: tuple[int, ...] = ()  # the index of each GPU on this machine; () if they are counted from 0 on
    ram_mib: int
    ram_total_mib: int = 0
    reserve_mib: int = RESERVE_MIB  # of each GPU: stays free for the desktop or another program
    is_wsl: bool = False  # under WSL the driver falls back to RAM when VRAM is full, which is slow
    bandwidths: Bandwidths = Bandwidths()  # noqa: RUF009 - it is frozen

    @property
    def usable_mib(self) -> tuple[int, ...]:
        """Return the memory of each GPU that a choice may fill.

        What stays free is the larger of the reserve and of the margin for errors of the sum: they are not added up.
        """
        least = max(self.reserve_mib, _WSL_MARGIN_MIB if self.is_wsl else _LEAST_MARGIN_MIB)
        return tuple(
            max(0, free - max(int(total * _MARGIN), least))
            for free, total in zip(self.gpus_mib, self.sizes_mib, strict=True)
        )

    @property
    def sizes_mib(self) -> tuple[int, ...]:
        return self.totals_mib or self.gpus_mib

    def with_gpus(self, gpus_mib: tuple[int, ...]) -> "Room":
        """Return the same with other GPUs, of which no more is known than their free memory."""
        bandwidths = replace(self.bandwidths, gpus=())
        return replace(self, gpus_mib=gpus_mib, totals_mib=(), indices=(), bandwidths=bandwidths)

    def index(self, number: int) -> int:
        """Return the index on this machine of a GPU by its place in this room."""
        return self.indices[number] if self.indices else number

    @property
    def usable_ram_mib(self) -> int:
        return max(0, self.ram_mib - max(int(self.ram_mib * _MARGIN), _LEAST_MARGIN_MIB))


def has_room(one: Fit, room: Room) -> bool:
    """Return whether the GPUs hold their layers with a margin; one without layers takes the same in every way."""
    on_gpus = zip(one.devices, room.usable_mib, strict=False)
    return all(device.total_mib <= usable for device, usable in on_gpus if device.weights_mib)


def what_lacks(one: Fit, room: Room, *, has_margin: bool) -> list[str]:
    """Return a sentence for each place with too little memory; () if there is none.

    has_margin: whether margins are kept free; a GPU without layers, which takes the same in every way, does not count.
    """
    gpus = room.usable_mib if has_margin else room.gpus_mib
    ram = room.usable_ram_mib if has_margin else room.ram_mib
    missing = []
    for number, (device, free) in enumerate(zip(one.devices, gpus, strict=False)):
        if device.total_mib > free and (device.weights_mib or not has_margin):
            name = f"GPU {room.index(number)}" if len(one.devices) > 1 else "the GPU"
            missing.append(f"{name} has {_gib(free)} free, {_gib(device.total_mib)} are needed")
    if one.host.total_mib > ram:
        missing.append(f"{_gib(ram)} of RAM are free, {_gib(one.host.total_mib)} are needed")
    return missing


def _gib(mib: float) -> str:
    return f"{mib / 1024:.1f} GiB"
