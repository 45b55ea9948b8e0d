"""A model card: the head of a repository's README.md, from which licence and languages are read.

It is hand-written YAML between two lines of ---. It is read line by line, so that a mistake elsewhere does no harm and
nothing in it is expanded. Fields: https://huggingface.co/docs/hub/model-cards#model-card-metadata
"""

import re
from dataclasses import dataclass
from typing import Final

FILE: Final = "README.md"
ENOUGH: Final = 64 << 10  # bytes; the card is at the beginning of the file
_FIELD: Final = re.compile(r"(?P<key>[A-Za-z_]+)[ \t]*:(?P<value>[ \t].*)?")
_MOST, _LONGEST = 100, 60  # languages, and characters of one


@dataclass(frozen=True, kw_only=True)
class Card:
    """The fields of a card; "" and () if missing."""

    licence: str = ""
    languages: tuple[str, ...] = ()


def read(text: str) -> Card:
    """Return the card at the beginning of a README.md."""
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].rstrip() != "---":
        return Card()
    fields: dict[str, list[str]] = {}
    values: list[str] = []
    is_open = False  # inside a list in brackets
    for line in lines[1:]:
        if line.rstrip() == "---":
            break
        found = None if is_open else _FIELD.fullmatch(line)
        if found:
            values = fields.setdefault(found["key"], [])
        elif not is_open and not line.lstrip().startswith("- "):
            continue
        written = (found["value"] or "") if found else line.lstrip().removeprefix("- ")
        is_open = ("[" in written or is_open) and "]" not in written
        values += _values(written)
    licences = fields.get("license_name") or fields.get("license") or []
    return Card(licence=", ".join(licences)[: 2 * _LONGEST], languages=tuple(fields.get("language", ())[:_MOST]))


def _values(written: str) -> list[str]:
    """Return the one value, or the several values in brackets."""
    plain = re.sub(r"(^|\s)#.*", "", written)
    return [one for part in plain.strip(" []").split(",") if (one := part.strip(" \t[]'\"")[:_LONGEST])]
