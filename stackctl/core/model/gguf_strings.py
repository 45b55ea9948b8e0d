"""Skips arrays of strings in a GGUF header: a vocabulary and its merges have several hundred thousand.

Each string is its length in 8 bytes and its text, so only a walk over all of them finds the end.
"""

import struct
from itertools import repeat
from typing import Final, NamedTuple

_LENGTH: Final = struct.Struct("<Q")


def skip_strings(buffer: memoryview, at: int, count: int) -> int:
    """Return the end of the array of `count` strings that begins at `at`.

    Raise struct.error if the buffer ends before the length of the last string; its text is not checked.
    """
    length = _LENGTH.unpack_from
    try:
        for _ in repeat(None, count):
            at += 8 + length(buffer, at)[0]
    except OverflowError as e:  # beyond the end of any file
        raise struct.error("past the end") from e
    return at


class Whole(NamedTuple):
    """The number of complete strings, the end of the last one, and the mean bytes of the last quarter, with lengths."""

    number: int
    end: int
    recent: float


def skip_all(buffer: memoryview, at: int, count: int) -> Whole:
    """Return how many of the `count` strings that begin at `at` are complete in the buffer."""
    done, end = 0, at
    while done < count and end + 8 <= len(buffer):
        behind = end + 8 + _LENGTH.unpack_from(buffer, end)[0]
        if behind > len(buffer):
            break
        done, end = done + 1, behind
    late = done - done * 3 // 4
    return Whole(done, end, (end - skip_strings(buffer, at, done - late)) / max(1, late))
