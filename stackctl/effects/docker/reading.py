"""How much a container has read so far, as its control group counts it."""

from collections.abc import Mapping
from typing import Any, Final

from stackctl.core.observed import ReadSeen
from stackctl.effects.docker.client import Client, sdk_errors

# the group's page cache: memory.stat of control groups 2, and of 1, first with the groups below it
_CACHED: Final = ("file", "total_cache", "cache")


def read_so_far(engine: Client, container: str) -> ReadSeen | None:
    """Return what a container has read; None if it is gone, or the engine counts nothing.

    Bytes are counted for block devices only; what comes over a network or FUSE shows in the page cache.
    https://docs.docker.com/reference/api/engine/ (ContainerStats)
    """
    try:
        found = engine.client.api.stats(container, stream=False, one_shot=True)
    except sdk_errors():
        return None
    memory = found.get("memory_stats") or {}
    from_disk, cached = _from_disks(found.get("blkio_stats") or {}), _cached(memory.get("stats") or {})
    seen = ReadSeen(size=max(from_disk, cached), held=int(memory.get("usage") or 0))
    return seen if seen.size or seen.held else None


def _from_disks(stats: Mapping[str, Any]) -> int:
    parts = stats.get("io_service_bytes_recursive") or ()
    return sum(int(one.get("value", 0)) for one in parts if str(one.get("op", "")).lower() == "read")


def _cached(stats: Mapping[str, Any]) -> int:
    return next((int(stats[name]) for name in _CACHED if name in stats), 0)
