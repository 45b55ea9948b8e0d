"""The catalogue that `models update` stored: the bytes whose signature was verified, below a line with their sha256.

The line makes damage visible without a key, and gives the date before the rest is read.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from stackctl.errors import DataError

FILE: Final = "catalogue.toml"  # in stackctl's data folder
MOST_BYTES: Final = (256 << 10) + (1 << 10)  # the largest catalogue and the line
_HEAD: Final = re.compile(
    rb"# Stored by `stackctl models update`, which verified it; once edited it is ignored\. "
    rb"date ([0-9]{4}-[0-9]{2}-[0-9]{2}) sha256 ([0-9a-f]{64})\n"
)
_DATE: Final = re.compile(r'^date\s*=\s*"([0-9]{4}-[0-9]{2}-[0-9]{2})"', re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A catalogue's text and its date."""

    date: str
    text: str


def dump(content: bytes, date: str) -> bytes:
    """Return the file for a catalogue of a date, YYYY-MM-DD."""
    digest = hashlib.sha256(content).hexdigest()
    head = "# Stored by `stackctl models update`, which verified it; once edited it is ignored."
    return f"{head} date {date} sha256 {digest}\n".encode() + content


def parse(raw: bytes) -> Stored:
    """Return what dump() stored; raise DataError if it was changed since."""
    head = _HEAD.match(raw)
    content = raw[head.end() :] if head else b""
    try:
        if head and hashlib.sha256(content).hexdigest().encode() == head[2]:
            return Stored(date=head[1].decode(), text=content.decode())
    except UnicodeDecodeError:
        pass
    raise DataError(
        "the stored catalogue was changed since it was verified",
        hint="Run `stackctl models update` again.",
        issue="catalogue-refused",
    )


def date_of(text: str) -> str:
    """Return the date in the text of a catalogue that we ship, without reading the rest."""
    found = _DATE.search(text)
    return found[1] if found else ""
