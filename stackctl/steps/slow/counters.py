"""Read what the kernel counts of a container and of the machine."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

from stackctl.core.slow import counters
from stackctl.core.slow.counters import GroupSeen, ProcessesSeen
from stackctl.core.slow.observation import Moment, Place, Processor
from stackctl.ports import System

_PROC: Final = PurePosixPath("/proc")
_CPU: Final = PurePosixPath("/sys/devices/system/cpu/cpu0")
_DEVICES: Final = PurePosixPath("/sys/dev/block")
# the files of a control group by the controller that has them: those of version 2 are all in one folder
_FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("cpu.max", "cpu.stat", "memory.max", "memory.stat", "memory.swap.current", "cgroup.procs"),
    "cpu": ("cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.stat", "cgroup.procs"),
    "cpuacct": ("cpuacct.usage",),
    "memory": ("memory.limit_in_bytes", "memory.stat"),
}
_MOST_PROCESSES: Final = 64


def read_moment(process: int, system: System) -> Moment:
    """Return what is counted now. process: the container's first; 0 if it is not visible from here."""
    texts = _group_texts(process, system)
    stat = system.text(_PROC / "stat", most=1 << 16)
    return Moment(
        at_s=system.monotonic(),
        group=counters.group_seen(texts) if texts else GroupSeen(),
        processes=_processes(process, texts.get("cgroup.procs", ""), system),
        times=counters.times(stat),
        running=counters.running(system.text(_PROC / "loadavg", most=256)),
        heat=sum(_number(_CPU / "thermal_throttle" / f"{one}_throttle_count", system) for one in ("core", "package")),
    )


def read_processor(cores: int, system: System) -> Processor:
    """Return how fast the processor runs now. cores: physical ones, as they were counted elsewhere."""
    place = _CPU / "cpufreq"
    return Processor(
        cores=cores,
        mhz=_number(place / "scaling_cur_freq", system) // 1000,
        most_mhz=_number(place / "cpuinfo_max_freq", system) // 1000,
        governor=(system.text(place / "scaling_governor") or "").strip(),
    )


def read_place(file: PurePosixPath, system: System) -> Place:
    """Return where a file lies."""
    disk = system.disk(file)
    if disk is None:
        return Place()
    said = None
    if disk.device:
        own = _DEVICES / disk.device  # of a partition, the disk above it tells
        said = system.text(own / "queue" / "rotational") or system.text(own / ".." / "queue" / "rotational")
    platters = {"0": False, "1": True}.get((said or "").strip())
    return Place(file_system=disk.file_system, mount_point=disk.mount_point, has_platters=platters)


def _group_texts(process: int, system: System) -> dict[str, str]:
    found: dict[str, str] = {}
    if process:
        folders = counters.group_folders(system.text(_PROC / str(process) / "cgroup") or "")
        for controller, files in _FILES.items():
            if folder := folders.get(controller):
                said = {name: system.text(folder / name) for name in files}
                found |= {name: text for name, text in said.items() if text}
    return found


def _processes(process: int, listed: str, system: System) -> ProcessesSeen:
    """Return the sum over the container's processes; those in its control group, else its first alone."""
    ids = [int(one) for one in listed.split()[:_MOST_PROCESSES] if one.isdecimal()] or ([process] if process else [])
    said = {name: [system.text(_PROC / str(one) / name) or "" for one in ids] for name in ("status", "stat", "io")}
    return counters.processes_seen(said["status"], said["stat"], said["io"])


def _number(file: PurePosixPath, system: System) -> int:
    text = (system.text(file, most=64) or "").strip()
    return int(text) if text.isdecimal() else 0
