"""TOML from elsewhere: a text that would fill the memory, or keep the parser busy for minutes, is refused before.

Python's tomllib needs a time that grows with the square of a key's parts (`a.a.a.a = 1`): 20 KB of them take minutes.
"""

import tomllib
from typing import Any, Final

_LONGEST: Final = 1 << 20  # characters of a text
_WIDEST: Final = 2000  # characters of a line
_MOST_PARTS: Final = 64  # dots in a line


class NoToml(ValueError):
    """The text can't be read; the message says why, as the rest of a sentence about it."""


def parse(text: str, most: int) -> dict[str, Any]:
    """Return the table of a text with at most `most` lines and values; raise NoToml for any other."""
    if len(text) > _LONGEST:
        raise NoToml(f"has more than {_LONGEST >> 20} MiB")
    if sum(map(text.count, "\n=[{,.")) > most:  # each value, and each part of a key, stands beside one of these
        raise NoToml("has more entries than are read")
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > _WIDEST or line.count(".") > _MOST_PARTS:
            raise NoToml(f"has a line that is too long (line {number})")
    try:
        return tomllib.loads(text)
    except RecursionError as e:
        raise NoToml("is nested too deeply") from e
    except ValueError as e:  # TOMLDecodeError is one; a number may have too many digits for Python
        raise NoToml(f"is no TOML: {str(e)[:200]}") from e
