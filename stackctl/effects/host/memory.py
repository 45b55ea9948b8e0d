"""How much RAM is free now, and how much a container's processes hold."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stackctl.core.observed import Ram
from stackctl.effects.host.processes import process_family

if TYPE_CHECKING:
    import psutil


def ram(container: int | None = None) -> Ram:
    """Return this machine's RAM. `container`: the id of the first process of a container that counts as our own."""
    total, free = _now()
    return Ram(
        total_mib=total >> 20,
        free_mib=free >> 20,
        own_mib=sum(_private_bytes(process) for process in process_family(container)) >> 20,
    )


def _now(table: Path = Path("/proc/meminfo")) -> tuple[int, int]:
    """Return the bytes of RAM, and those that are available without swapping."""
    try:  # psutil reads the same file, but its import takes as long as the rest of a `render`
        kib = dict(line.split(":") for line in table.read_text().splitlines())
        total, free = (int(kib[name].removesuffix("kB")) << 10 for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):  # not Linux, or an unknown format
        import psutil

        now = psutil.virtual_memory()
        return int(now.total), int(now.available)
    return total, min(free, total)


def _private_bytes(process: "psutil.Process") -> int:
    """Return the bytes that are freed when the process ends. A mapped model is page cache, which counts as free."""
    import psutil

    with suppress(psutil.Error):
        info = process.memory_info()
        return max(0, info.rss - getattr(info, "shared", 0))
    return 0
