"""Checked reading of one table of a catalogue: each value is what its key allows, or an error names entry and key."""

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final, TypeVar

from stackctl.errors import ConfigError
from stackctl.terminal import cut, shown_in_line

_MOST_WORDS: Final = 60
_SHOWN: Final = 40  # cells of a wrong value in a message
_LONGEST_NUMBER: Final = 1 << 64  # a longer one is not written out
_Word = TypeVar("_Word", bound=str)


def fault(where: str, key: str, what: str) -> ConfigError:
    """Return the error of a catalogue. where: the entry, "" for the catalogue itself; key: "" if it is the text."""
    place = "".join(f" {part}:" for part in (where, key) if part)
    return ConfigError(
        f"the catalogue of models is wrong:{place} {what}",
        hint="Use a catalogue that was made for this version of stackctl.",
        issue="catalogue-refused",
    )


class Table:
    """One table; each of its keys is read once, and end() refuses those that are left."""

    def __init__(self, where: str, content: object, above: str = "") -> None:
        self.where, self.above = where, above
        if not isinstance(content, dict):
            raise fault(where, above.rstrip("."), f"{_show(content)} is no table")
        self._left: dict[str, Any] = dict(content)

    def tables(self, key: str, most: int) -> tuple["Table", ...]:
        """Return the tables of a list, each called after its name or its place in the list."""
        found = self._take(key)
        if not isinstance(found, list) or not 0 < len(found) <= most:
            raise self._fault(key, f"it must be a list of 1 to {most} tables")
        return tuple(Table(_called(one, index), one) for index, one in enumerate(found, 1))

    def table(self, key: str) -> "Table":
        return Table(self.where, self._take(key), f"{self.above}{key}.")

    def text(self, key: str, pattern: str, default: str | None = None) -> str:
        if key not in self._left and default is not None:
            return default
        return self._matching(key, self._take(key), pattern)

    def choice(self, key: str, words: Sequence[_Word]) -> _Word:
        found = self._take(key)
        for word in words:
            if found == word:
                return word
        raise self._fault(key, f"{_show(found)} is none of {', '.join(words)}")

    def flag(self, key: str) -> bool:
        found = self._take(key, default=False)
        if not isinstance(found, bool):
            raise self._fault(key, f"{_show(found)} is neither true nor false")
        return found

    def whole(self, key: str, least: int, most: int, default: int | None = None) -> int:
        found = self._take(key, default)
        if isinstance(found, bool) or not isinstance(found, int):
            raise self._fault(key, f"{_show(found)} is no whole number")
        self._check(key, found, least, most)
        return found

    def number(self, key: str, least: float, most: float) -> float:
        return self._number(key, self._take(key), least, most)

    def words(self, key: str, pattern: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return the texts of a list, none twice. Only the default may be empty."""
        if key not in self._left and default is not None:
            return default
        found = self._take(key)
        if not isinstance(found, list) or not 0 < len(found) <= _MOST_WORDS:
            raise self._fault(key, f"it must be a list of 1 to {_MOST_WORDS} words")
        words = tuple(self._matching(key, one, pattern) for one in found)
        if len(set(words)) < len(words):
            raise self._fault(key, "it has a word twice")
        return words

    def numbers(
        self, key: str, names: Sequence[str], least: float, most: float, default: dict[str, float] | None = None
    ) -> dict[str, float]:
        found = self._named(key, names, default)
        return {name: self._number(f"{key}.{name}", value, least, most) for name, value in found.items()}

    def texts(self, key: str, names: Sequence[str], pattern: str) -> dict[str, str]:
        found = self._named(key, names, {})
        return {name: self._matching(f"{key}.{name}", value, pattern) for name, value in found.items()}

    def end(self) -> None:
        """Raise ConfigError if a key is left that the format does not have."""
        for key in self._left:
            raise self._fault(_show(key), "this key is unknown")

    def _take(self, key: str, default: object = None) -> Any:
        if key not in self._left and default is None:
            raise self._fault(key, "it is missing")
        return self._left.pop(key, default)

    def _named(self, key: str, names: Sequence[str], default: Mapping[str, float] | None) -> dict[str, Any]:
        found = self._take(key, default)
        if not isinstance(found, dict) or (not found and default is None):
            raise self._fault(key, "it must be a table with at least one value")
        for name in found:
            if name not in names:
                raise self._fault(key, f"{_show(name)} is none of {', '.join(names)}")
        return found

    def _matching(self, key: str, found: object, pattern: str) -> str:
        if not isinstance(found, str) or not re.fullmatch(pattern, found, re.ASCII):
            raise self._fault(key, f"{_show(found)} is no value of this key")
        return found

    def _number(self, key: str, found: object, least: float, most: float) -> float:
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise self._fault(key, f"{_show(found)} is no number")
        self._check(key, found, least, most)
        return found

    def _check(self, key: str, found: float, least: float, most: float) -> None:
        if not (isinstance(found, int) or isfinite(found)) or not least <= found <= most:
            raise self._fault(key, f"{_show(found)} is not between {least} and {most}")

    def _fault(self, key: str, what: str) -> ConfigError:
        return fault(self.where, f"{self.above}{key}", what)


def _called(content: object, index: int) -> str:
    name = content.get("name") if isinstance(content, dict) else None
    return _show(name) if isinstance(name, str) and name else f"model {index}"


def _show(found: object) -> str:
    if isinstance(found, int) and abs(found) > _LONGEST_NUMBER:
        return f"a number of {found.bit_length()} bits"
    if isinstance(found, dict | list):
        return "a table" if isinstance(found, dict) else "a list"
    return cut(shown_in_line(str(found)[:200]), _SHOWN)
