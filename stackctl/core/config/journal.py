"""The journal of a deploy, from which it can roll back: the former files, the written ones, and what ran."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, Literal

from stackctl.core.config.files import COMPOSE, STATE
from stackctl.core.formats.dataclass_json import from_plain, to_plain

FOLDER: Final = f"{STATE}/before"
FILE: Final = f"{FOLDER}/journal.json"
VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class FormerFile:
    """A former file. Checksums are those of its content; "" if it did not exist."""

    name: str  # relative to the stack's folder, or absolute
    kept: str  # the path of its copy, relative to the stack's folder
    sha256: str
    written: tuple[str, ...] = ()  # checksums of everything written since


@dataclass(frozen=True, kw_only=True)
class FormerService:
    """A service that ran. container, image_id: "" if there was none."""

    name: str
    container: str
    image: str
    image_id: str


@dataclass(frozen=True, kw_only=True)
class Journal:
    """The former stack, kept until its successor is ready. ran: whether at least one of its services ran.

    target: the orchestrator that ran it.
    """

    stack: str
    ran: bool
    files: tuple[FormerFile, ...]
    services: tuple[FormerService, ...]
    copies: tuple[str, ...] = ()  # absolute paths of folders that an unfinished deploy creates
    target: str = COMPOSE

    def service(self, name: str) -> FormerService | None:
        return next((one for one in self.services if one.name == name), None)

    def file(self, name: str) -> FormerFile | None:
        return next((one for one in self.files if one.name == name), None)


def fate(file: FormerFile, now: str) -> Literal["same", "back", "edited"]:
    """Return what a rollback does with a file whose checksum is `now` ("" if it does not exist)."""
    if now == file.sha256:
        return "same"
    return "back" if now in {*file.written, ""} else "edited"


def with_written(journal: Journal, contents: Mapping[str, str | bytes]) -> Journal:
    """Return the journal after these contents, by file name, may have been written."""
    sums = {name: checksum(content) for name, content in contents.items()}
    files = (
        replace(one, written=tuple(dict.fromkeys((*one.written, sums[one.name])))) if one.name in sums else one
        for one in journal.files
    )
    return replace(journal, files=tuple(files))


def with_former(journal: Journal, name: str, content: str | bytes) -> Journal:
    """Return the journal with another former content of a file."""
    files = (replace(one, sha256=checksum(content)) if one.name == name else one for one in journal.files)
    return replace(journal, files=tuple(files))


def checksum(content: str | bytes) -> str:
    """Return the sha256 of a file with this content."""
    return sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def dump(journal: Journal) -> str:
    """Return the journal as text."""
    return json.dumps({"version": VERSION, **to_plain(journal)}, indent=2) + "\n"


def parse(text: str) -> Journal | None:
    """Return the journal of a text; None for another version, or a text that dump() did not write."""
    try:
        content = json.loads(text)
        return from_plain(Journal, content) if content["version"] == VERSION else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
