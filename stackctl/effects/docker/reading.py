"""How much a container has read so far, as its control group counts it."""

from collections.abc import Mapping
from typing import Any, Final

from stackctl.core.observed import ReadSeen
from stackctl.effects.docker.client import Client, sdk_errors

# the group's page cache: memory.stat of control groups 2, and of 1, first with the groups below it
_CACHED: Final = ("file", "total_cache", "cache")
# the part of it that no program uses, of control groups 1 and of 2; docker/cli takes it off the usage:
# https://github.com/docker/cli/blob/v28.0.0/cli/command/container/stats_helpers.go (calculateMemUsageUnixNoCache)
_UNUSED: Final = ("total_inactive_file", "inactive_file")


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
    stats, held = memory.get("stats") or {}, int(memory.get("usage") or 0)
    from_disk, cached, unused = (
        _from_disks(found.get("blkio_stats") or {}),
        _first(stats, _CACHED),
        _first(stats, _UNUSED),
    )
    seen = ReadSeen(size=max(from_disk, cached), held=held, used=held - unused if unused < held else held)
    return seen if seen.size or seen.held else None


def _from_disks(stats: Mapping[str, Any]) -> int:
    parts = stats.get("io_service_bytes_recursive") or ()
    return sum(int(one.get("value", 0)) for one in parts if str(one.get("op", "")).lower() == "read")


def _first(stats: Mapping[str, Any], names: tuple[str, ...]) -> int:
    return next((int(stats[name]) for name in names if name in stats), 0)
