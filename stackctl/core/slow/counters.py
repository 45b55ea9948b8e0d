"""What the kernel counts of a container and of the machine, read from the texts of its files.

Sources: proc(5), /proc/PID/{stat,status,io,cgroup}; the kernel's Documentation/admin-guide/cgroup-v2.rst and
cgroup-v1/memory.rst, scheduler/sched-bwc.rst, accounting/psi.rst.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

CGROUPS: Final = PurePosixPath("/sys/fs/cgroup")
_UNLIMITED: Final = 1 << 60  # bytes: control groups 1 write a number near 2^63 for no limit
_TICKS: Final = 100  # a second: USER_HZ, the same on every architecture that Docker runs on


@dataclass(frozen=True, kw_only=True)
class GroupSeen:
    """A container's control group. None: unknown, or there is no limit."""

    cpus: float | None = None  # processors that it may use
    periods: int = 0  # in which it wanted to compute, since it has the limit
    held_back: int = 0  # of those, periods in which it used up its time
    used_s: float | None = None  # time of processors, of all its processes
    limit_mib: int | None = None  # of its memory
    swapped_mib: int | None = None
    faults: int | None = None  # pages that had to be read from a disk or from swap

    @property
    def held_back_share(self) -> float:
        return self.held_back / self.periods if self.periods else 0.0


@dataclass(frozen=True, kw_only=True)
class ProcessesSeen:
    """The processes of a container together."""

    resident_mib: int = 0  # in RAM, of the files that they map as well
    swapped_mib: int = 0
    faults: int = 0
    read_mib: int = 0  # from disks since their start; 0 if this user may not see it


@dataclass(frozen=True, kw_only=True)
class Pressure:
    """The share of time in which some process waited, of the last 10 s and 60 s."""

    last_10_s: float
    last_60_s: float


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds that all processors together have computed, and that they could have, since the machine started."""

    busy_s: float
    whole_s: float


def group_folders(cgroup: str) -> Mapping[str, PurePosixPath]:
    """Return the folder of each controller, from /proc/PID/cgroup; "" is that of control groups 2.

    A path that leads out of what is visible here is left out.
    """
    found: dict[str, PurePosixPath] = {}
    for line in cgroup.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not path.startswith("/") or ".." in path:
            continue
        for one in controllers.split(","):
            folder = CGROUPS / one if one and "=" not in one else CGROUPS
            found[one] = folder / path.lstrip("/")
    return found


def group_seen(texts: Mapping[str, str]) -> GroupSeen:
    """Return what the files of a control group tell, by their names; those of both versions may be among them."""
    quota, period = _quota(texts)
    stat, memory = _table(texts.get("cpu.stat", "")), _table(texts.get("memory.stat", ""))
    used = stat.get("usage_usec", 0) / 1e6 if "usage_usec" in stat else _number(texts.get("cpuacct.usage"), 1e9)
    limit = _first_number(texts, ("memory.max", "memory.limit_in_bytes"))
    swapped = _first_number(texts, ("memory.swap.current",))
    if swapped is None:
        swapped = memory.get("total_swap", memory.get("swap"))
    return GroupSeen(
        cpus=quota / period if quota and period else None,
        periods=stat.get("nr_periods", 0),
        held_back=stat.get("nr_throttled", 0),
        used_s=used,
        limit_mib=limit >> 20 if limit is not None and limit < _UNLIMITED else None,
        swapped_mib=None if swapped is None else swapped >> 20,
        faults=memory.get("total_pgmajfault", memory.get("pgmajfault")),
    )


def processes_seen(statuses: Iterable[str], stats: Iterable[str], reads: Iterable[str]) -> ProcessesSeen:
    """Return the sum over processes, from each one's /proc/PID/status, stat and io."""
    tables = [dict(line.split(":", 1) for line in text.splitlines() if ":" in line) for text in statuses]
    return ProcessesSeen(
        resident_mib=sum(_kib(one.get("VmRSS")) for one in tables) >> 10,
        swapped_mib=sum(_kib(one.get("VmSwap")) for one in tables) >> 10,
        faults=sum(map(_major_faults, stats)),
        read_mib=sum(map(_read_bytes, reads)) >> 20,
    )


def pressure(text: str | None) -> Pressure | None:
    """Return the first line of a file in /proc/pressure; None if the kernel has none."""
    for line in (text or "").splitlines():
        words = dict(word.split("=", 1) for word in line.split()[1:] if "=" in word)
        if line.startswith("some "):
            try:
                found = [float(words[name]) / 100 for name in ("avg10", "avg60")]
            except (KeyError, ValueError):
                return None
            return Pressure(last_10_s=found[0], last_60_s=found[1])
    return None


def times(stat: str | None) -> Times | None:
    """Return how long the processors have computed, from /proc/stat; None if it does not say."""
    for line in (stat or "").splitlines():
        if line.startswith("cpu "):
            parts = [int(word) for word in line.split()[1:9] if word.isdecimal()]
            if len(parts) < 5:
                return None
            idle = parts[3] + parts[4]  # idle, and waiting for a disk
            return Times(busy_s=(sum(parts) - idle) / _TICKS, whole_s=sum(parts) / _TICKS)
    return None


def running(loadavg: str | None) -> int:
    """Return how many threads compute or wait for a processor now, from /proc/loadavg; 0 if it does not say."""
    words = (loadavg or "").split()
    now = words[3].partition("/")[0] if len(words) > 3 else ""
    return int(now) if now.isdecimal() else 0


def _quota(texts: Mapping[str, str]) -> tuple[int, int]:
    """Return the microseconds that it may compute in each period; 0 if there is no limit."""
    if words := texts.get("cpu.max", "").split():
        return (int(words[0]), int(words[1])) if len(words) > 1 and words[0].isdecimal() else (0, 0)
    quota, period = texts.get("cpu.cfs_quota_us", "").strip(), texts.get("cpu.cfs_period_us", "").strip()
    return (int(quota), int(period)) if quota.isdecimal() and period.isdecimal() else (0, 0)


def _table(text: str) -> dict[str, int]:
    words = (line.split() for line in text.splitlines())
    return {one[0]: int(one[1]) for one in words if len(one) == 2 and one[1].isdecimal()}


def _number(text: str | None, unit: float) -> float | None:
    return int(text) / unit if text and text.strip().isdecimal() else None


def _first_number(texts: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    said = (texts.get(name, "").strip() for name in names)
    return next((int(one) for one in said if one.isdecimal()), None)


def _kib(text: str | None) -> int:
    words = (text or "").split()
    return int(words[0]) if words and words[0].isdecimal() else 0


def _major_faults(stat: str) -> int:
    """Return the faults that read from a disk. The name in it is the program's own, with blanks and parentheses."""
    words = stat.rpartition(")")[2].split()
    return int(words[9]) if len(words) > 9 and words[9].isdecimal() else 0


def _read_bytes(text: str) -> int:
    return next((_kib(line.partition(":")[2]) for line in text.splitlines() if line.startswith("read_bytes:")), 0)
