"""JSON of a size that a model's files have: what would fill the memory is refused before it is parsed."""

import json
from collections.abc import Sequence
from typing import Any


class NoTable(ValueError):
    """It is no JSON object; the words say what it is instead."""


class TooMuch(NoTable):
    """It may be one, but of more parts than are parsed."""


def table(text: str, most: int, *, is_strict: bool = False) -> dict[str, Any]:
    """The object that a text is, of at most `most` values; raises NoTable. Strict: for a key that stands twice, too."""
    if sum(map(text.count, "[{,")) > most:  # before each value there is one of these
        raise TooMuch("has more entries than are read")
    try:
        found = json.loads(text, object_pairs_hook=_once if is_strict else None)
    except NoTable:
        raise
    except RecursionError as e:
        raise TooMuch("is nested too deeply") from e
    except ValueError as e:
        raise NoTable("is no JSON") from e
    if not isinstance(found, dict):
        raise NoTable("is no table")
    return found


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise NoTable(f"has {twice[:80]!r} twice")
    return found
