"""What the kernel's files say of a container, in both versions of control groups, and of the machine."""

from pathlib import PurePosixPath

import pytest

from stackctl.core.slow import counters
from stackctl.core.slow.counters import GroupSeen, ProcessesSeen, Times

ONE = {
    "cpu.cfs_quota_us": "50000\n",
    "cpu.cfs_period_us": "100000\n",
    "cpu.stat": "nr_periods 593\nnr_throttled 568\nthrottled_time 12345678\n",
    "cpuacct.usage": "2500000000\n",
    "memory.limit_in_bytes": "367001600\n",
    "memory.stat": "cache 1\nswap 4096\ntotal_swap 104857600\ntotal_pgmajfault 77\n",
}
TWO = {
    "cpu.max": "50000 100000\n",
    "cpu.stat": "usage_usec 2500000\nnr_periods 593\nnr_throttled 568\nthrottled_usec 1\n",
    "memory.max": "367001600\n",
    "memory.swap.current": "104857600\n",
    "memory.stat": "anon 1\nfile 2\npgmajfault 77\n",
}
SEEN = GroupSeen(
    cpus=0.5, periods=593, held_back=568, used_s=2.5, limit_mib=350, swapped_mib=100, faults=77
)  # fmt: skip


@pytest.mark.parametrize("texts", [ONE, TWO])
def test_both_versions_of_control_groups_say_the_same(texts: dict[str, str]) -> None:
    found = counters.group_seen(texts)
    assert found == SEEN
    assert found.held_back_share == pytest.approx(0.958, abs=0.001)


@pytest.mark.parametrize(
    "texts",
    [
        {"cpu.max": "max 100000\n", "memory.max": "max\n"},
        {"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n", "memory.limit_in_bytes": "9223372036854771712\n"},
        {"cpu.max": "", "memory.max": "no number", "cpu.stat": "nonsense\n\0", "memory.stat": "a b c\n"},
        {},
    ],
)
def test_without_a_limit_there_is_none(texts: dict[str, str]) -> None:
    assert counters.group_seen(texts) == GroupSeen()


def test_the_folders_of_a_container_s_controllers_are_found() -> None:
    first = "9:name=systemd:/x/1\n4:memory:/x/1\n2:cpu,cpuacct:/x/1\n0::/x/1\n"
    found = counters.group_folders(first)
    root = PurePosixPath("/sys/fs/cgroup")
    assert found["memory"] == root / "memory/x/1"
    assert (found["cpu"], found["cpuacct"], found[""]) == (root / "cpu/x/1", root / "cpuacct/x/1", root / "x/1")
    assert counters.group_folders("0::/../../x\nnonsense\n") == {}


STATUS = "Name:\tllama-server\nVmRSS:\t  358400 kB\nVmSwap:\t  102400 kB\nThreads:\t11\n"
STAT = "42 (a ) b) S 1 42 42 0 -1 4194560 900 0 {faults} 0 100 50 0 0 20 0 11 0"


def test_a_program_and_its_child_are_added_up() -> None:
    found = counters.processes_seen(
        (STATUS, STATUS, ""), (STAT.format(faults=7), STAT.format(faults=5), ""), ("read_bytes: 1048576\n", "")
    )
    assert found == ProcessesSeen(resident_mib=700, swapped_mib=200, faults=12, read_mib=1)
    assert counters.processes_seen(("\0", "VmRSS: x kB"), ("", "1 (x"), ("read_bytes: -1",)) == ProcessesSeen()


def test_the_pressure_of_the_last_minute_is_a_share_of_time() -> None:
    found = counters.pressure(
        "some avg10=6.72 avg60=2.79 avg300=3.79 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00\n"
    )
    assert found
    assert (found.last_10_s, found.last_60_s) == (0.0672, 0.0279)
    assert [counters.pressure(one) for one in (None, "", "some avg10=x", "some")] == [None] * 4


def test_the_processors_time_is_told_from_idling_and_waiting_for_a_disk() -> None:
    assert counters.times("cpu  100 50 50 700 100 0 0 0 0 0\ncpu0 1 1\n") == Times(busy_s=2.0, whole_s=10.0)
    assert [counters.times(one) for one in (None, "", "cpu 1 2")] == [None] * 3


def test_the_threads_that_want_a_processor_are_read() -> None:
    assert counters.running("1.50 0.80 0.40 5/512 12345\n") == 5
    assert [counters.running(one) for one in (None, "", "1 2 3 x/y")] == [0, 0, 0]
