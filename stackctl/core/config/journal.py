"""What a deploy can go back to: the files as they were before it, what it wrote since, and what ran."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, Literal

from stackctl.core.config.files import STATE
from stackctl.core.formats.dataclass_json import from_plain, to_plain

FOLDER: Final = f"{STATE}/before"
FILE: Final = f"{FOLDER}/journal.json"
VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class FormerFile:
    """A file as it was. Checksums are of its bytes; "": it was not there."""

    name: str  # below the stack's folder, or absolute
    kept: str  # where its bytes lie, below the stack's folder
    sha256: str
    written: tuple[str, ...] = ()  # checksums of all that was written since


@dataclass(frozen=True, kw_only=True)
class FormerService:
    """What ran. `container`, `image_id`: "" where there was none."""

    name: str
    container: str
    image: str
    image_id: str


@dataclass(frozen=True, kw_only=True)
class Journal:
    """The stack as it was, until its successor is ready. `ran`: at least one of its services did."""

    stack: str
    ran: bool
    files: tuple[FormerFile, ...]
    services: tuple[FormerService, ...]
    copies: tuple[str, ...] = ()  # folders that a deploy which has not come to its end makes, absolute

    def service(self, name: str) -> FormerService | None:
        return next((one for one in self.services if one.name == name), None)

    def file(self, name: str) -> FormerFile | None:
        return next((one for one in self.files if one.name == name), None)


def fate(file: FormerFile, now: str) -> Literal["same", "back", "edited"]:
    """What becomes of a file whose checksum is `now` ("": it is not there) when a deploy is taken back."""
    if now == file.sha256:
        return "same"
    return "back" if now in {*file.written, ""} else "edited"


def with_written(journal: Journal, contents: Mapping[str, str | bytes]) -> Journal:
    """The journal once these contents, by the names of the files, may have been written."""
    sums = {name: checksum(content) for name, content in contents.items()}
    files = (
        replace(one, written=tuple(dict.fromkeys((*one.written, sums[one.name])))) if one.name in sums else one
        for one in journal.files
    )
    return replace(journal, files=tuple(files))


def with_former(journal: Journal, name: str, content: str | bytes) -> Journal:
    """The journal with another former content of a file."""
    files = (replace(one, sha256=checksum(content)) if one.name == name else one for one in journal.files)
    return replace(journal, files=tuple(files))


def checksum(content: str | bytes) -> str:
    """The sha256 of a file with this content."""
    return sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def dump(journal: Journal) -> str:
    """The journal as text."""
    return json.dumps({"version": VERSION, **to_plain(journal)}, indent=2) + "\n"


def parse(text: str) -> Journal | None:
    """Read a journal; None for another version, and for anything that dump() did not write."""
    try:
        content = json.loads(text)
        return from_plain(Journal, content) if content["version"] == VERSION else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
