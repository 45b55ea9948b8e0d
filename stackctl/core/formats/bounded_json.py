"""JSON from untrusted files: a text that would fill the memory is refused before it is parsed."""

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any, Final, NoReturn

DEEPEST: Final = 100  # levels; the files that stackctl reads have about ten


class NoTable(ValueError):
    """The text is no JSON object; the message says what it is instead."""


class TooMuch(NoTable):
    """The text may be a JSON object, but with more values than the limit."""


def parse(text: str, most: int, *, is_strict: bool = False, is_finite: bool = False) -> dict[str, Any]:
    """Return the JSON object of a text, with at most `most` values and DEEPEST levels.

    Raise NoTable for any other text. is_strict: also for a key that appears twice. is_finite: also for NaN and
    Infinity, which Python's JSON allows.
    """
    if sum(map(text.count, "[{,")) > most:  # each value follows one of these
        raise TooMuch("has more entries than are read")
    try:
        found = json.loads(
            text,
            object_pairs_hook=_once if is_strict else None,
            parse_constant=_refuse_constant if is_finite else None,
            parse_float=_finite if is_finite else None,
        )
    except NoTable:
        raise
    except RecursionError as e:
        raise TooMuch("is nested too deeply") from e
    except ValueError as e:
        raise NoTable("is no JSON") from e
    if not isinstance(found, dict):
        raise NoTable("is no table")
    if text.count("[") + text.count("{") > DEEPEST and _is_deeper(found, DEEPEST):
        raise TooMuch("is nested too deeply")
    return found


def _is_deeper(found: object, levels: int) -> bool:
    """Return whether values are nested over more than so many levels."""
    level = [found]
    for _ in range(levels):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return any(isinstance(one, dict | list) for one in level)


def _finite(digits: str) -> float:
    if not isfinite(number := float(digits)):
        _refuse_constant(digits)
    return number


def _refuse_constant(digits: str) -> NoReturn:
    raise NoTable(f"has the number {digits[:20]}")


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value] # None is falsy
        raise NoTable(f"has {twice[:80]!r} twice")
    return found
