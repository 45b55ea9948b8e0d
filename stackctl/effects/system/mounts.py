"""The mount that holds a path."""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")


@dataclass(frozen=True, kw_only=True)
class Mounted:
    """One line of mountinfo: where a file system is mounted, its kind, and the device or share that it comes from.

    device: its numbers, as 254:1.
    """

    point: str
    kind: str
    source: str
    device: str
    is_read_only: bool = False


def mount_of(place: Path, mounts: Path = _MOUNTS) -> Mounted | None:
    """Return the mount that holds a path, after resolving links; None if that can't be read.

    Of several mounts at one point it is the last, which hides the others. Only the path's links are looked at, and
    nothing else of the file system: a share whose server is gone does not hold this up unless a link lies on it.
    """
    best = None
    with suppress(OSError, RuntimeError):  # RuntimeError: links in a circle
        real = place.resolve()
        for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
            found = _parse(line)
            if found and real.is_relative_to(found.point) and (not best or len(found.point) >= len(best.point)):
                best = found
    return best


def _parse(line: str) -> Mounted | None:
    """Return a line's mount; None for a damaged one. https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html"""
    fields, _, system = line.partition(" - ")
    here, there = fields.split(" "), system.split(" ")
    if len(here) < 6 or len(there) < 2:
        return None
    options = {*here[5].split(","), *(there[2].split(",") if len(there) > 2 else ())}
    return Mounted(
        point=_plain(here[4]), kind=there[0], source=_plain(there[1]), device=here[2], is_read_only="ro" in options
    )


def _plain(text: str) -> str:
    """Return a path as it is: blanks, tabs, ends of lines and backslashes stand there as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
