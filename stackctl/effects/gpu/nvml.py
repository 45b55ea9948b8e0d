"""NVIDIA GPUs, by NVML: which there are, and what a container's processes hold of them."""

import ctypes
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stackctl.contracts.host import Gpu
from stackctl.errors import GpuError


def gpus() -> tuple[Gpu, ...]:
    """NVIDIA GPUs as the driver sees them; () where there is no driver."""
    try:
        ctypes.CDLL("libnvidia-ml.so.1")  # what pynvml loads; pynvml itself is slow to import
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
            hint="nvidia-smi shows the same; after a driver update reboot; `--gpu none` runs on the CPU meanwhile",
        ) from e
    try:
        return tuple(_gpu(index) for index in range(pynvml.nvmlDeviceGetCount()))
    except pynvml.NVMLError as e:
        raise GpuError(f"the NVIDIA driver does not answer: {e}", hint="nvidia-smi shows the same; reboot") from e
    finally:
        pynvml.nvmlShutdown()


def _gpu(index: int) -> Gpu:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        total, free = memory.total, memory.free
    except pynvml.NVMLError_NotSupported:  # a GPU that shares the machine's memory (DGX Spark) has none of its own
        total = free = 0
    return Gpu(
        index=index,
        uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        total_mib=total >> 20,
        free_mib=free >> 20,
        cuda=_cuda(),
    )


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
    """MiB that these processes (ids, asked for where there is a driver) hold on each GPU, by its UUID.

    {} where the driver does not say (WSL).
    """
    try:
        ctypes.CDLL("libnvidia-ml.so.1")  # what pynvml loads; pynvml itself is slow to import
    except OSError:
        return {}
    import pynvml

    own = set(processes())
    found: dict[str, int] = {}
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # whoever needs a GPU has been told by now
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
    """The port `Gpus`. `family`: the ids of a container's processes, by that of its first."""

    family: Callable[[int], Iterable[int]]

    def list(self) -> tuple[Gpu, ...]:
        return gpus()

    def held(self, container: int) -> dict[str, int]:
        return held(lambda: self.family(container))
