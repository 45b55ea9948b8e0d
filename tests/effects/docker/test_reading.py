"""What a container has had read, by the counters of either version of control groups."""

from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest

from stackctl.core.observed import ReadSeen
from stackctl.effects.docker.reading import read_so_far


def told(stats: Any) -> ReadSeen | None:
    def answer(container: str, *, stream: bool, one_shot: bool) -> Any:
        assert (container, stream, one_shot) == ("c", False, True)
        if isinstance(stats, Exception):
            raise stats
        return stats

    return read_so_far(SimpleNamespace(client=SimpleNamespace(api=SimpleNamespace(stats=answer))), "c")


def disks(*parts: tuple[str, int]) -> dict[str, Any]:
    return {"io_service_bytes_recursive": [{"op": op, "value": value} for op, value in parts]}


@pytest.mark.parametrize(
    ("stats", "size"),
    [
        ({"blkio_stats": disks(("read", 70), ("write", 900), ("read", 30)), "memory_stats": {"usage": 5}}, 100),
        ({"blkio_stats": disks(("Read", 70), ("Total", 900)), "memory_stats": {"usage": 5}}, 70),
        ({"blkio_stats": disks(), "memory_stats": {"usage": 5, "stats": {"file": 80, "anon": 7}}}, 80),
        ({"blkio_stats": disks(), "memory_stats": {"usage": 5, "stats": {"cache": 60, "total_cache": 90}}}, 90),
        ({"blkio_stats": {"io_service_bytes_recursive": None}, "memory_stats": {"usage": 5}}, 0),
    ],
    ids=["v2", "v1", "share v2", "share v1", "no block device"],
)
def test_bytes_from_disks_count_or_what_of_files_is_kept(stats: Any, size: int) -> None:
    assert told(stats) == ReadSeen(size=size, held=5, used=5)


@pytest.mark.parametrize(
    ("stats", "used"),
    [
        ({"inactive_file": 30}, 70),
        ({"inactive_file": 1, "total_inactive_file": 40}, 60),
        ({"inactive_file": 100}, 100),  # as docker/cli has it: what can't be, is not taken off
        ({}, 100),
    ],
    ids=["v2", "v1", "too much", "not told"],
)
def test_files_that_no_program_uses_any_more_are_no_memory_in_use(stats: dict[str, int], used: int) -> None:
    found = told({"memory_stats": {"usage": 100, "stats": stats}})
    assert found
    assert (found.held, found.used) == (100, used)


@pytest.mark.parametrize(
    "stats", [{}, {"blkio_stats": None, "memory_stats": {}}, docker.errors.NotFound("gone")], ids=["1", "2", "gone"]
)
def test_an_engine_that_counts_nothing_tells_nothing(stats: Any) -> None:
    assert told(stats) is None
