"""Steps over an array of strings in a GGUF header: a vocabulary and its merges are some hundred thousand of them.

Each string is its length in 8 bytes and its text, so only a walk finds the end.
"""

import struct
from itertools import repeat
from typing import Final, NamedTuple

_LENGTH: Final = struct.Struct("<Q")


def skip_strings(buffer: memoryview, at: int, count: int) -> int:
    """Where the array of `count` strings ends which begins at `at`; raises struct.error where the buffer ends before.

    Of the last string, the length is in the buffer; whether its text is too is not looked at.
    """
    length = _LENGTH.unpack_from
    try:
        for _ in repeat(None, count):
            at += 8 + length(buffer, at)[0]
    except OverflowError as e:  # further than any file reaches
        raise struct.error("past the end") from e
    return at


class Whole(NamedTuple):
    """How many strings are whole, where the last of them ends, and bytes of each, lengths included, of late."""

    number: int
    end: int
    recent: float


def skip_all(buffer: memoryview, at: int, count: int) -> Whole:
    """What a buffer has of the `count` strings that begin at `at`."""
    done, end = 0, at
    while done < count and end + 8 <= len(buffer):
        behind = end + 8 + _LENGTH.unpack_from(buffer, end)[0]
        if behind > len(buffer):
            break
        done, end = done + 1, behind
    late = done - done * 3 // 4
    return Whole(done, end, (end - skip_strings(buffer, at, done - late)) / max(1, late))
