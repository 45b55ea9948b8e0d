"""Steps over an array of strings in a GGUF header: a vocabulary and its merges are some hundred thousand of them.

Each string is its length in 8 bytes and its text, so only a walk finds the end. A regular expression walks twice as
quickly as a loop of Python, because short strings are the rule; what it does not match, the loop steps over.
"""

import re
import struct
from functools import cache
from itertools import repeat
from typing import Final, NamedTuple

_SHORT, _USUAL = 64, 7  # bytes of a text: those which the expression knows are below; most pieces have about as many
_AT_ONCE: Final = 64  # strings
_FEW: Final = 1024  # strings; to compile the expression takes as long as to walk over ten thousand
_length: Final = struct.Struct("<Q").unpack_from


def skip_strings(buffer: memoryview, at: int, count: int) -> int:
    """Where the array of `count` strings ends which begins at `at`; raises struct.error where the buffer ends before.

    Of the last string, the length is in the buffer; whether its text is too is not looked at.
    """
    try:
        if count < _FEW:
            return _walked(buffer, at, count)
        while count >= _AT_ONCE:
            found = _short_strings().match(buffer, at)
            at = found.end() if found else _walked(buffer, at, _AT_ONCE)
            count -= _AT_ONCE
        return _walked(buffer, at, count)
    except OverflowError as e:  # further than any file reaches
        raise struct.error("past the end") from e


class Whole(NamedTuple):
    """How many strings are whole, where the last of them ends, and bytes of each, lengths included, of late."""

    number: int
    end: int
    recent: float


def skip_all(buffer: memoryview, at: int, count: int) -> Whole:
    """What a buffer has of the `count` strings that begin at `at`."""
    done, end = 0, at
    while done < count and end + 8 <= len(buffer):
        behind = end + 8 + _length(buffer, end)[0]
        if behind > len(buffer):
            break
        done, end = done + 1, behind
    late = done - done * 3 // 4
    return Whole(done, end, (end - skip_strings(buffer, at, done - late)) / max(1, late))


def _walked(buffer: memoryview, at: int, count: int) -> int:
    for _ in repeat(None, count):
        at += _length(buffer, at)[0] + 8
    return at


@cache
def _short_strings() -> re.Pattern[bytes]:
    """As many short strings in a row: of each possible length an alternative, the usual ones first."""
    lengths = sorted(range(_SHORT), key=lambda length: abs(length - _USUAL))
    alternatives = b"|".join(re.escape(bytes([length])) + rb"\0{7}.{%d}" % length for length in lengths)
    return re.compile(b"(?:%s){%d}+" % (alternatives, _AT_ONCE), re.DOTALL)  # possessive: it never goes back
