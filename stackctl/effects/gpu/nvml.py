"""NVIDIA GPUs, by NVML: their list, and the memory that a container's processes hold on them."""

import ctypes
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from stackctl.contracts.host import Card, Gpu, GpuReading
from stackctl.effects.gpu import pci_cards
from stackctl.errors import GpuError


def gpus() -> tuple[Gpu, ...]:
    """Return the NVIDIA GPUs that the driver sees; () without a driver."""
    try:
        ctypes.CDLL("libnvidia-ml.so.1")  # the library that pynvml loads; pynvml itself is slow to import
    except OSError:
        return ()
    import pynvml

    try:
        pynvml.nvmlInit()
    except (pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError_DriverNotLoaded):
        return ()
    except pynvml.NVMLError as e:
        raise GpuError(
            f"the NVIDIA driver does not answer: {e}",
            hint="Run `nvidia-smi`, which shows the same; after a driver update, reboot. `--gpu none` uses the CPU.",
        ) from e
    try:
        return tuple(_gpu(index) for index in range(pynvml.nvmlDeviceGetCount()))
    except pynvml.NVMLError as e:
        hint = "Run `nvidia-smi`, which shows the same, and reboot."
        raise GpuError(f"the NVIDIA driver does not answer: {e}", hint=hint) from e
    finally:
        pynvml.nvmlShutdown()


def _gpu(index: int) -> Gpu:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        total, free = memory.total, memory.free
    except pynvml.NVMLError_NotSupported:  # a GPU that shares the machine's memory (DGX Spark)
        total = free = 0
    return Gpu(
        index=index,
        uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        total_mib=total >> 20,
        free_mib=free >> 20,
        cuda=_cuda(),
        gb_per_s=_gb_per_s(handle),
    )


def _gb_per_s(handle: Any) -> float:
    """Return the memory's bandwidth; 0.0 if the driver does not report it."""
    import pynvml

    try:
        bits = pynvml.nvmlDeviceGetMemoryBusWidth(handle)
        return bandwidth(bits, pynvml.nvmlDeviceGetMaxClockInfo(handle, pynvml.NVML_CLOCK_MEM))
    except pynvml.NVMLError:  # a virtual GPU, one that shares the machine's memory, or an old driver
        return 0.0


def bandwidth(bits: int, mhz: int) -> float:
    """Return GB/s by the width of the memory's bus and NVML's clock, which is half the data rate for HBM and GDDR."""
    return round(bits / 8 * mhz * 2 / 1000, 1)


def _cuda() -> tuple[int, ...]:
    import pynvml

    try:
        version = pynvml.nvmlSystemGetCudaDriverVersion()  # 12040: 12.4
    except pynvml.NVMLError:  # a driver from before 2018
        return ()
    return version // 1000, version % 1000 // 10


def _text(value: "str | bytes") -> str:
    return value.decode() if isinstance(value, bytes) else value


def held(processes: Callable[[], Iterable[int]]) -> dict[str, int]:
    """Return a GPU's UUID -> the MiB that these processes hold on it; {} if the driver does not tell (WSL).

    `processes`: returns their ids; it is only called if there is a driver.
    """
    try:
        ctypes.CDLL("libnvidia-ml.so.1")  # the library that pynvml loads; pynvml itself is slow to import
    except OSError:
        return {}
    import pynvml

    own = set(processes())
    found: dict[str, int] = {}
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # gpus() has already raised it
        return {}
    try:
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            uuid = pynvml.nvmlDeviceGetUUID(handle)
            running = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
            bytes_ = sum(one.usedGpuMemory or 0 for one in running if one.pid in own)
            found[uuid.decode() if isinstance(uuid, bytes) else uuid] = bytes_ >> 20
    except pynvml.NVMLError:
        return {}
    finally:
        pynvml.nvmlShutdown()
    return {uuid: mib for uuid, mib in found.items() if mib}


@dataclass(frozen=True)
class Nvidia:
    """The port `Gpus`. `family`: returns the ids of a container's processes, from the id of its first."""

    family: Callable[[int], Iterable[int]]

    def list(self) -> tuple[Gpu, ...]:
        return gpus()

    def cards(self) -> tuple[Card, ...]:
        return pci_cards.cards()

    def read(self, *, wakes: bool = True) -> tuple[GpuReading, ...]:
        del wakes
        return tuple(
            GpuReading(uuid=one.uuid, name=one.name, total_mib=one.total_mib, free_mib=one.free_mib)
            for one in self.list()
        )

    def held(self, container: int) -> dict[str, int]:
        return held(lambda: self.family(container))
