"""How much memory is free now, and how much of the rest one container's processes hold: RAM, and GPUs by NVML."""

import ctypes
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stackctl.core.observed import Ram

if TYPE_CHECKING:
    import psutil


def ram(container: int | None = None) -> Ram:
    """This machine's RAM. `container`: the id of the first process of a container that counts as our own."""
    total, free = _now()
    return Ram(
        total_mib=total >> 20,
        free_mib=free >> 20,
        own_mib=sum(_private_bytes(process) for process in _family(container)) >> 20,
    )


def _now(table: Path = Path("/proc/meminfo")) -> tuple[int, int]:
    """Bytes of RAM, and how many can be had without swapping."""
    try:  # what psutil reads, too, but that takes as long to import as all the rest of a `render` to run
        kib = dict(line.split(":") for line in table.read_text().splitlines())
        total, free = (int(kib[name].removesuffix("kB")) << 10 for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):  # no Linux, or none that we know
        import psutil

        now = psutil.virtual_memory()
        return int(now.total), int(now.available)
    return total, min(free, total)


def held(container: int) -> dict[str, int]:
    """MiB that a container's processes hold on each GPU, by its UUID; {} where the driver does not say (WSL)."""
    try:
        ctypes.CDLL("libnvidia-ml.so.1")  # what pynvml loads; pynvml itself is slow to import
    except OSError:
        return {}
    import pynvml

    own = {process.pid for process in _family(container)}
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


def _family(container: int | None) -> "list[psutil.Process]":
    if not container:
        return []
    import psutil

    with suppress(psutil.Error):
        first = psutil.Process(container)
        return [first, *first.children(recursive=True)]
    return []


def _private_bytes(process: "psutil.Process") -> int:
    """What ends with the process: a model that it maps is page cache, which counts as free already."""
    import psutil

    with suppress(psutil.Error):
        info = process.memory_info()
        return max(0, info.rss - getattr(info, "shared", 0))
    return 0
