"""Pieces of one file whose bytes were split, as `split` does and old uploads have them, by their names.

NAME.gguf.part1of2, NAME.gguf-split-a, NAME.gguf.aa, NAME.gguf.001, NAME.gguf.part_aa and the like.
Joined in their order they are the file; no program reads them as they are (gguf-split's parts have another form).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

_WORD: Final = r"(?:part|split|chunk|piece|segment)"
_PIECE: Final = re.compile(
    r"(?P<whole>.+\.(?:gguf|safetensors))"
    rf"(?P<mark>[-._](?:{_WORD}[-._]?)?)"
    r"(?:(?P<number>\d{1,5})(?P<of>[-._]?of[-._]?(?P<count>\d{1,5}))?|(?P<letters>[a-z]{1,3}))",
    re.IGNORECASE | re.DOTALL,
)
# NAME.part1of2.gguf, where only the bytes tell it from a part of gguf-split
_BEFORE_ENDING: Final = re.compile(
    rf"(?P<stem>.+?)(?P<mark>[-._ ]\(?(?:{_WORD}[-._ ]?)?)"
    r"(?P<number>\d{1,4})(?P<of>[-._ ]?of[-._ ]?(?P<count>\d{1,4})\)?)(?P<ending>\.gguf)",
    re.IGNORECASE | re.DOTALL,
)
_BARE: Final = re.compile(r"a?[ab][a-z]|[a-f]")  # letters without a word before them; else they are an ending
_MOST: Final = 10_000


class Piece(NamedTuple):
    """One piece: the file that it is of, and the form of the pieces' names, which is the same for all of a set."""

    whole: str
    form: str  # such as "m.gguf.part#of2"
    place: int
    total: int = 0  # 0 if the name does not say it
    width: int = 0  # the least number of digits, or the number of letters
    is_letters: bool = False

    def name(self, place: int) -> str:
        """Return the name of the piece at another place."""
        if not self.is_letters:
            return self.form.replace("\0", f"{place:0{self.width}d}")
        letters = ""
        for _ in range(self.width):
            place, one = divmod(place, 26)
            letters = chr(ord("a") + one) + letters
        return self.form.replace("\0", letters)


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """A set of pieces. names: those that exist, in order. missing: the names of those that do not, as far as known."""

    whole: str
    names: tuple[str, ...]
    missing: tuple[str, ...] = ()
    is_counted: bool = False  # whether the names say how many there are


def piece_of(name: str, *, may_be_part: bool = False) -> Piece | None:
    """Return which piece a file is by its name; None if it is none.

    may_be_part: also by a name that a part of gguf-split may have, too.
    """
    found = _PIECE.fullmatch(name)
    if not found and may_be_part and (one := _BEFORE_ENDING.fullmatch(name)):
        width = len(one["number"]) if one["number"].startswith("0") else 1
        form = f"{one['stem']}{one['mark']}\0{one['of']}{one['ending']}"
        return Piece(f"{one['stem']}{one['ending']}", form, int(one["number"]), int(one["count"]), width)
    if not found:
        return None
    whole, letters = found["whole"], found["letters"]
    if letters is None:
        width = len(found["number"]) if found["number"].startswith("0") else 1
        form = f"{whole}{found['mark']}\0{found['of'] or ''}"
        return Piece(whole, form, int(found["number"]), int(found["count"] or 0), width)
    if len(found["mark"]) == 1 and not _BARE.fullmatch(letters.lower()):
        return None
    place = 0
    for letter in letters.lower():
        place = place * 26 + ord(letter) - ord("a")
    return Piece(whole, f"{whole}{found['mark']}\0", place, 0, len(letters), is_letters=True)


def sets(names: Iterable[str]) -> tuple[Pieces, ...]:
    """Return the sets of pieces among a folder's names; a single file that may be the second copy of one is none."""
    groups: dict[tuple[str, bool], dict[int, tuple[Piece, str]]] = {}
    for name in sorted(names):
        if piece := piece_of(name):
            groups.setdefault((piece.form, piece.is_letters), {})[piece.place] = piece, name
    return tuple(_set(group) for group in groups.values() if len(group) > 1 or next(iter(group.values()))[0].total)


def set_of(name: str, others: Iterable[str]) -> Pieces | None:
    """Return the set that a name belongs to, with those of its pieces that are among the others; None if it is none.

    NAME.part1of2.gguf counts, too: the caller looks at the bytes.
    """
    piece = piece_of(name, may_be_part=True)
    if piece is None:
        return None
    named = ((piece_of(other, may_be_part=True), other) for other in others)
    group = {one.place: (one, other) for one, other in named if one and _is_alike(one, piece)}
    return _set({**group, piece.place: (piece, name)})


def _is_alike(one: Piece, other: Piece) -> bool:
    return (one.form, one.is_letters) == (other.form, other.is_letters)


def _set(group: dict[int, tuple[Piece, str]]) -> Pieces:
    one, _ = min(group.values())
    first = 0 if one.is_letters or 0 in group else 1
    last = first + one.total - 1 if one.total else max(group)
    missing = [n for n in range(first, min(last, _MOST) + 1) if n not in group]
    model = group[min(group)][0]
    return Pieces(
        whole=one.whole,
        names=tuple(group[place][1] for place in sorted(group)),
        missing=tuple(model.name(place) for place in missing),
        is_counted=one.total > 0,
    )
