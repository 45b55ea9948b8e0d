"""What `stackctl adopt` records of an adoption, as --undo reads it: whole, or not at all."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stackctl.contracts.json_table import parse_table
from stackctl.core.adoption.layout import Piece
from stackctl.errors import DataError

_KEPT = re.compile(r"[^/]+\.kept-[1-9][0-9]*")  # a plain name, as the folder's former one is kept by


@dataclass(frozen=True, kw_only=True)
class Record:
    """An adoption: from where, what lay where, and what the stack had before."""

    source: str
    pieces: tuple[Piece, ...]
    aside: str  # the name of the stack's former folder; "": it had none
    seeded: str | None  # its former record of the settings
    sums: Mapping[str, str]  # sha256 by path in the stack's folder


def parse(text: str, name: str) -> Record:
    """Read a record's text; raise DataError where a part of it is missing, or is not what it should be."""
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
        raise DataError(f"{name} is damaged", hint="Restore it from a backup. The folder still has all its chats.")
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
    """Whether the system can take it for a path."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    try:
        value.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
