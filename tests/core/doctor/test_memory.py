"""Memory and swap, from /proc."""

import pytest

from stackctl.core.doctor.memory import Memory, judge_memory, read_memory

INFO = """\
MemTotal:       16384000 kB
MemFree:          200000 kB
MemAvailable:    8192000 kB
SwapTotal:       2097152 kB
SwapFree:        1048576 kB
HugePages_Total:       0
"""
PRESSURE = "some avg10=1.00 avg60=7.50 avg300=0.10 total=12345\nfull avg10=0.00 avg60=0.50 avg300=0.00 total=1\n"
ARC = """\
13 1 0x01 96 26112 1 2
name                            type data
c_min                           4    1048576000
size                            4    5242880000
"""


def memory(total: int, available: int, swap: int = 0, used: int = 0, pressure: float | None = 0.0) -> Memory:
    return Memory(total_mib=total, available_mib=available, swap_mib=swap, swap_free_mib=swap - used, pressure=pressure)


def test_the_kernels_figures_are_read() -> None:
    assert read_memory(INFO, PRESSURE, None) == Memory(
        total_mib=16000, available_mib=8000, swap_mib=2048, swap_free_mib=1024, pressure=7.5
    )


def test_the_cache_of_zfs_makes_room() -> None:
    found = read_memory(INFO, None, ARC)
    assert found
    assert (found.available_mib, found.pressure) == (8000 + 4000, None)


@pytest.mark.parametrize("text", ["", "MemTotal: 1 kB\n", "MemTotal: x kB\nMemAvailable: 3 kB\n", "\0" * 100])
def test_a_text_without_figures_is_no_memory(text: str) -> None:
    assert read_memory(text, "some avg60=1.2.3", "size 4 x") is None


@pytest.mark.parametrize(
    ("now", "issues"),
    [
        (memory(16000, 8000, 2048), []),
        (memory(64000, 60000), []),  # a root server without swap
        (memory(1900, 1500), []),  # a small one, idle
        (memory(950, 600, 2048, 300), []),  # a NAS
        (memory(32000, 20000, 8000, 6000, 0.3), []),  # zram on a laptop: full of cold pages, and nothing waits
        (memory(3900, 900), [("swap-missing", "warning")]),
        (memory(16000, 500, 2048), [("memory-low", "warning")]),
        (memory(64000, 1500, 8000), [("memory-low", "warning")]),
        (memory(16000, 120, 2048), [("memory-low", "failure")]),
        (memory(16000, 4000, 2048, 1500, 12.0), [("swap-in-use", "warning")]),
        (memory(16000, 1200, 2048, 1500, None), [("swap-in-use", "warning")]),  # a kernel that tells no pressure
        (memory(16000, 9000, 2048, 1500, None), []),
        (memory(16000, 9000, 2048, 0, 12.0), []),  # what waits has another reason: nothing is swapped
        (memory(3900, 150), [("memory-low", "failure"), ("swap-missing", "warning")]),
    ],
)
def test_memory_is_low_or_swaps(now: Memory, issues: list[tuple[str, str]]) -> None:
    assert [(one.issue, one.severity) for one in judge_memory(now)] == issues


def test_what_the_running_backend_holds_is_no_failure() -> None:
    (found,) = judge_memory(memory(16000, 120, 2048), backend_mib=9000)
    assert found.severity == "warning"
    assert found.says == "120 MiB of 15.6 GiB of memory are available; 8.8 GiB of it are the backend's"


def test_the_figures_are_the_evidence() -> None:
    (found,) = judge_memory(memory(16000, 4000, 2048, 1500, 12.0))
    assert (
        found.says == "1.5 GiB of 2.0 GiB of swap are in use, and programs waited for memory in 12 % of the last minute"
    )
    assert found.evidence == (
        "/proc/meminfo: MemTotal 16000 MiB, MemAvailable 4000 MiB, SwapTotal 2048 MiB, SwapFree 548 MiB",
        "/proc/pressure/memory: some avg60=12.00",
    )
