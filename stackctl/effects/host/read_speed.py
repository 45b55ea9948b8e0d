"""How fast this machine's RAM is read: measured in a fifth of a second at most, and kept in the user's cache folder."""

import ctypes
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import cycle
from pathlib import Path
from typing import Any, Final

from stackctl.contracts.host import ReadSpeed

_ALL_BYTES: Final = 96 << 20  # of all threads: more than most processors cache
_PIECE: Final = 1 << 20  # bytes of two places that are compared at once, without Python's lock
_WINDOW_S, _WINDOWS = 0.012, 3  # each is measured so long, so many times
_MOST_THREADS: Final = 32
_MOST_GB_PER_S: Final = 100_000.0  # more than any machine has
_LONGEST: Final = 4096  # bytes of the file
_FRESH_S: Final = 600.0  # after that it is measured again, in case another program read much meanwhile


def read_speed(
    *, folder: Path | None = None, measure: Callable[[], ReadSpeed | None] | None = None, now: float | None = None
) -> ReadSpeed | None:
    """Return the speed; None if it can't be measured here. folder: the cache of programs, by XDG_CACHE_HOME."""
    file = (folder or _cache_home()) / "stackctl" / "read-speed.json"
    time_ = time.time() if now is None else now
    kept, age_s = _kept(file, time_)
    if kept and 0 <= age_s < _FRESH_S:
        return kept
    found = (measure or measured)()
    if found is None:
        return kept
    with suppress(OSError):  # a home that can't be written to: it is measured again the next time
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps({"boot": _boot(), "at": time_, **asdict(found)}) + "\n")
        beside.replace(file)
    return found


def _kept(file: Path, now: float) -> tuple[ReadSpeed | None, float]:
    """Return what was measured since the machine started, and how many seconds ago; None if nothing was."""
    try:
        if not file.is_file():  # a pipe would be waited for
            return None, 0.0
        with file.open("rb") as stream:
            table: dict[str, Any] = json.loads(stream.read(_LONGEST))
        if table.pop("boot") != _boot():
            return None, 0.0
        age_s = now - float(table.pop("at"))
        found = ReadSpeed(**table)
        speeds = found.one_gb_per_s, found.all_gb_per_s
        is_sound = found.cores > 0 and all(0 < one < _MOST_GB_PER_S for one in speeds)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):  # something else wrote it
        return None, 0.0
    return (found, age_s) if is_sound else (None, 0.0)


def measured() -> ReadSpeed | None:
    """Measure it; None without memory or a C library for that."""
    cores = _cores()
    threads = min(cores, _MOST_THREADS)
    try:
        compare = ctypes.CDLL(None).memcmp
        buffers = [(ctypes.c_char * (_ALL_BYTES // threads))() for _ in range(threads)]
    except (MemoryError, OSError, AttributeError, TypeError):
        return None
    compare.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    starts, half = [ctypes.addressof(one) for one in buffers], _ALL_BYTES // threads // 2
    alone, together = (
        sorted(_rate(compare, some, half) for _ in range(_WINDOWS))[_WINDOWS // 2] for some in (starts[:1], starts)
    )
    del buffers
    return ReadSpeed(one_gb_per_s=round(alone, 2), all_gb_per_s=round(max(alone, together), 2), cores=cores)


def _rate(compare: Callable[[int, int, int], object], starts: Sequence[int], half: int) -> float:
    """Return how fast all threads together read, in GB/s. Each compares the halves, which are zeros, of its place.

    A thread counts the time that it has a core, so that other programs' turns do not count.
    """
    rates = [0.0] * len(starts)
    until = time.perf_counter() + _WINDOW_S

    def read(number: int) -> None:
        places = cycle(range(starts[number], starts[number] + half - _PIECE + 1, _PIECE))
        pieces, began = 0, time.thread_time()
        while time.perf_counter() < until or not pieces:
            at = next(places)
            compare(at, at + half, _PIECE)
            pieces += 1
        rates[number] = 2 * _PIECE * pieces / (time.thread_time() - began) / 1e9

    threads = [threading.Thread(target=read, args=(number,), daemon=True) for number in range(len(starts))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return sum(rates)


def _cores(smt: Path = Path("/sys/devices/system/cpu/smt/active")) -> int:
    """Return the cores that this program may use, of which llama.cpp takes one thread each."""
    able = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError):
        if smt.read_text().strip() == "1":
            return max(1, able // 2)
    return able


def _boot(file: Path = Path("/proc/sys/kernel/random/boot_id")) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def _cache_home() -> Path:
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"  # a relative one does not count, says its standard
