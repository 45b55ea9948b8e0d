"""The record of an adoption, which `stackctl adopt --undo` reads; an incomplete record is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stackctl.contracts.json_table import parse_table
from stackctl.core.adoption.layout import Piece
from stackctl.errors import DataError

_KEPT = re.compile(r"[^/]+\.kept-[1-9][0-9]*")  # the name under which the stack's former folder is kept


@dataclass(frozen=True, kw_only=True)
class Record:
    """An adoption: the adopted folder, the place of each piece, and the stack's former state."""

    source: str
    pieces: tuple[Piece, ...]
    aside: str  # the name of the stack's former folder; "" if it had none
    seeded: str | None  # the former record of the written settings
    sums: Mapping[str, str]  # sha256 by path in the stack's folder


def parse(text: str, name: str) -> Record:
    """Return the record of a text; raise DataError if a part of it is missing or malformed."""
    found = parse_table(text)
    parts: tuple[Any, ...] = tuple(found.get(key) for key in ("from", "pieces", "aside", "seeded", "files"))
    source, pieces, aside, seeded, sums = parts
    if (
        not (_is_path(source) and source.startswith("/"))
        or not (isinstance(pieces, list) and all(map(_is_piece, pieces)))
        or not (aside is None or (_is_path(aside) and _KEPT.fullmatch(aside)))
        or not (seeded is None or isinstance(seeded, str))
        or not (isinstance(sums, dict) and all(isinstance(one, str) for one in sums.values()))
    ):
        raise DataError(
            f"{name} is damaged",
            hint="Restore it from a backup. The folder still has all its chats.",
            issue="own-file-damaged",
        )
    return Record(
        source=source,
        pieces=tuple(Piece(source=one["source"], target=one["target"]) for one in pieces),
        aside=aside or "",
        seeded=seeded,
        sums=sums,
    )


def _is_piece(value: Any) -> bool:
    return isinstance(value, dict) and _is_path(value.get("source")) and _is_path(value.get("target"))


def _is_path(value: Any) -> bool:
    """Return whether the system accepts it as a path."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    try:
        value.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
