"""The machine's memory and swap, from /proc.

Sources: https://docs.kernel.org/filesystems/proc.html (meminfo), https://docs.kernel.org/accounting/psi.html
(pressure), https://openzfs.github.io/openzfs-docs/man/master/4/zfs.4.html (its cache,
which MemAvailable counts as used).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stackctl.contracts.finding import Finding
from stackctl.core.doctor.commands import size

# MiB that must be available: SillyTavern alone takes some 200, and the kernel ends programs when nothing is left
_NONE_MIB: Final = 200
_LOW_MIB: Final = 700
_LOW_SHARE: Final = 0.04  # of the machine's memory, up to _MUCH_MIB
_MUCH_MIB: Final = 2048
_SMALL_MIB: Final = 6 * 1024  # a machine with less memory than this, and little of it available, needs swap
_NEEDS_SWAP_MIB: Final = 1024
_PRESSURE: Final = 5.0  # percent of the last minute in which a program waited for memory


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The memory now, in MiB. pressure: percent of the last minute in which some program waited; None if unknown."""

    total_mib: int
    available_mib: int
    swap_mib: int
    swap_free_mib: int
    pressure: float | None = None

    @property
    def swapped_mib(self) -> int:
        return self.swap_mib - self.swap_free_mib


def read_memory(meminfo: str, pressure: str | None, arc: str | None) -> Memory | None:
    """Return the memory; None for a text that does not tell it. arc: what ZFS says of its cache, None without ZFS."""
    kib = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB$", meminfo, re.MULTILINE)}
    if not {"MemTotal", "MemAvailable"} <= kib.keys():
        return None
    some = re.search(r"^some .*\bavg60=([\d.]+)", pressure or "", re.MULTILINE)
    return Memory(
        total_mib=kib["MemTotal"] >> 10,
        available_mib=min(kib["MemAvailable"] + _kib_of_cache(arc or ""), kib["MemTotal"]) >> 10,
        swap_mib=kib.get("SwapTotal", 0) >> 10,
        swap_free_mib=kib.get("SwapFree", 0) >> 10,
        pressure=float(some[1]) if some and some[1].count(".") <= 1 and some[1] != "." else None,
    )


def judge_memory(memory: Memory, backend_mib: int = 0) -> tuple[Finding, ...]:
    """Return what is wrong with the memory. backend_mib: what the stack's backend holds of it; 0 if it does not run."""
    return (*_low(memory, backend_mib), *_swap(memory))


def _low(memory: Memory, backend_mib: int) -> tuple[Finding, ...]:
    low = max(_LOW_MIB, min(int(memory.total_mib * _LOW_SHARE), _MUCH_MIB))
    low = min(low, max(memory.total_mib // 4, _NONE_MIB))
    if memory.available_mib >= low:
        return ()
    mine = f"; {size(backend_mib)} of it are the backend's" if backend_mib >= 100 else ""
    return (
        Finding(
            issue="memory-low",
            severity="failure" if memory.available_mib < _NONE_MIB and not backend_mib else "warning",
            says=f"{size(memory.available_mib)} of {size(memory.total_mib)} of memory are available{mine}",
            hint="End what takes so much of it: `ps aux --sort=-rss` lists programs, the largest first.",
            evidence=_evidence(memory),
        ),
    )


def _swap(memory: Memory) -> tuple[Finding, ...]:
    if not memory.swap_mib:
        if memory.total_mib >= _SMALL_MIB or memory.available_mib >= _NEEDS_SWAP_MIB:
            return ()
        return (
            Finding(
                issue="swap-missing",
                severity="warning",
                says=f"there is no swap, and {size(memory.available_mib)} of {size(memory.total_mib)} of memory are "
                "available: the kernel ends programs as soon as they are used up",
                hint="Add a swap file, or zram: https://wiki.debian.org/Swap .",
                evidence=_evidence(memory),
            ),
        )
    waits = memory.pressure is not None and memory.pressure >= _PRESSURE
    is_tight = memory.pressure is None and memory.swapped_mib * 2 > memory.swap_mib
    if not memory.swapped_mib or not (waits or (is_tight and memory.available_mib < memory.total_mib // 10)):
        return ()
    waited = f", and programs waited for memory in {memory.pressure:.0f} % of the last minute" if waits else ""
    return (
        Finding(
            issue="swap-in-use",
            severity="warning",
            says=f"{size(memory.swapped_mib)} of {size(memory.swap_mib)} of swap are in use{waited}",
            hint="End other programs, or take a smaller model or context: `stackctl models fit` shows what each needs.",
            evidence=_evidence(memory),
        ),
    )


def _evidence(memory: Memory) -> tuple[str, ...]:
    said = (
        f"/proc/meminfo: MemTotal {memory.total_mib} MiB, MemAvailable {memory.available_mib} MiB, "
        f"SwapTotal {memory.swap_mib} MiB, SwapFree {memory.swap_free_mib} MiB"
    )
    if memory.pressure is None:
        return (said,)
    return (said, f"/proc/pressure/memory: some avg60={memory.pressure:.2f}")


def _kib_of_cache(arcstats: str) -> int:
    """Return how much of ZFS's cache makes room when programs need it."""
    found: Mapping[str, str] = dict(re.findall(r"^(size|c_min)\s+\d+\s+(\d+)$", arcstats, re.MULTILINE))
    return max(0, int(found.get("size", 0)) - int(found.get("c_min", 0))) >> 10
