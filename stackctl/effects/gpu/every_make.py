"""The port `Gpus` for GPUs of every make."""

from dataclasses import dataclass

from stackctl.contracts.host import Card, Gpu, GpuReading
from stackctl.effects.gpu import pci_cards
from stackctl.effects.gpu.nvml import Nvidia
from stackctl.effects.gpu.sysfs import Sysfs


@dataclass(frozen=True)
class EveryMake:
    """NVIDIA's GPUs, then those that sysfs shows."""

    nvidia: Nvidia
    others: Sysfs

    def list(self, *, waits: bool = True, within_s: float | None = None) -> tuple[Gpu, ...]:
        return (*self.nvidia.list(waits=waits, within_s=within_s), *self.others.list())

    def cards(self) -> tuple[Card, ...]:
        return pci_cards.cards()

    def read(self, *, wakes: bool = True) -> tuple[GpuReading, ...]:
        return (*self.nvidia.read(wakes=wakes), *self.others.read(wakes=wakes))

    def held(self, container: int) -> dict[str, int]:
        return {**self.nvidia.held(container), **self.others.held(container)}
