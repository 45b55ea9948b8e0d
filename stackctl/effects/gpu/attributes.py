"""Attributes of the kernel's device tree (sysfs): small files, written by a driver or a virtual machine."""

from pathlib import Path
from typing import Final

_MOST: Final = 1 << 16  # bytes; the kernel gives an attribute one page, and kfd's properties a few lines
_MOST_DIGITS: Final = 19
_MOST_NAME: Final = 80  # characters


def text(path: Path) -> str:
    """Return an attribute without the blanks around it; "" if it can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST).decode("utf-8", errors="replace").strip()
    except (OSError, ValueError):  # ValueError: a path that no file can have
        return ""


def number(path: Path) -> int | None:
    """Return an attribute that is a whole number of at least 0; None if it is anything else."""
    return as_number(text(path))


def as_number(word: str) -> int | None:
    is_number = word.isascii() and word.isdecimal() and len(word) <= _MOST_DIGITS
    return int(word) if is_number else None


def name(path: Path) -> str:
    """Return an attribute that is a name, in printable characters."""
    return as_name(text(path))


def as_name(word: str) -> str:
    return "".join(one for one in word if one.isprintable())[:_MOST_NAME].strip()


def folders(path: Path, pattern: str) -> tuple[Path, ...]:
    """Return the entries of a folder that match; () if there is no such folder."""
    try:
        return tuple(sorted(path.glob(pattern)))
    except OSError:
        return ()
