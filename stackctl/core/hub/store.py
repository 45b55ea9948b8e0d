"""Where models that stackctl pulled lie: paths below its own folder for them, told by their source alone."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from stackctl.core.hub.source import RepoFile, Source, name_fault
from stackctl.errors import ModelError

FOLDER: Final = "models"  # below stackctl's own folder
STAYS_FREE: Final = 200 << 20  # bytes of the disk, whatever is pulled: on a full one SillyTavern can save no chat
_KEY: Final = "model.source "


def where(source: Source, file: str = "") -> PurePosixPath:
    """The place of one file of a source, or with neither `file` nor source.file of its folder; relative.

    `hf/OWNER/NAME[@REVISION]/FILE`, as its repository has it; `url/HOST/HASH/NAME` for an address, whose hash is of
    the whole address, so that two of one name do not meet. Raises ModelError for a name that would lie elsewhere.
    """
    if source.url:
        split = urlsplit(source.url)
        mark = hashlib.sha256(source.url.encode()).hexdigest()[:8]
        name = file or _plain(unquote(split.path.rstrip("/").rpartition("/")[2])) or "model"
        return PurePosixPath("url") / _plain(split.hostname or "host") / mark / name
    at = "" if source.revision == "main" else f"@{source.revision}"
    inside = f"/{file or source.file}" if file or source.file else ""
    refuse_misplaced((f"{source.repo}{at}{inside}",), source)
    return PurePosixPath("hf") / f"{source.repo}{at}{inside}"


def refuse_misplaced(names: Iterable[str], source: Source) -> None:
    """Raise ModelError where a source's files can't lie below one folder under their names.

    A hub's listing may say anything: each name has to be a file's own there, on every disk.
    """
    files: dict[PurePosixPath, str] = {}
    folders: dict[PurePosixPath, str] = {}
    for name in names:
        place = PurePosixPath(unicodedata.normalize("NFC", name).casefold())  # as a disk that knows no case has it
        other = next((files[one] for one in (place, *place.parents) if one in files), folders.get(place))
        if fault := name_fault(name) or (other and f"it would have the same place as {_shown(other)}"):
            raise ModelError(
                f"{source.repo or urlsplit(source.url).hostname} has a file named {_shown(name)}: {fault}",
                hint="Use the model from another repository, and report this one to its hub; nothing was downloaded.",
            )
        files[place] = name
        folders |= dict.fromkeys(place.parents, name)


def _shown(name: str) -> str:
    """A name in quotes, cut, with escapes for what is not to be seen."""
    return f"{name[:100]!r}{'...' if len(name) > 100 else ''}"


def key(source: str) -> str:
    """The name in stack.lock of where the file is that a source means."""
    return f"{_KEY}{source}"


def is_key(name: str) -> bool:
    """Whether a name in stack.lock is such a one."""
    return name.startswith(_KEY)


def _plain(name: str) -> str:
    """A name that is one file's on every disk."""
    return re.sub(r"[^\w. ()\[\]-]", "_", name, flags=re.ASCII).lstrip(".")[:200]


@dataclass(frozen=True, kw_only=True)
class StoredModel:
    """A model in the store, as its record tells. `place`: of the file to load, or of the folder; relative."""

    place: PurePosixPath
    source: str
    commit: str
    licence: str
    pulled: str  # the day, as 2026-11-25
    is_folder: bool
    files: tuple[RepoFile, ...]  # names below `root`, with the sha256 that each had when it came

    @property
    def root(self) -> PurePosixPath:
        """The folder from which its files' names count; relative."""
        return (
            self.place if self.is_folder else PurePosixPath(*self.place.parts[: -len(PurePosixPath(self.first).parts)])
        )

    @property
    def first(self) -> str:
        return self.files[0].name

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def record(self) -> PurePosixPath:
        """Where the record itself lies; relative."""
        return record(self.place)


def record(place: PurePosixPath) -> PurePosixPath:
    """Beside the model, so that it is moved and removed with it; hidden, so that no backend takes it for a part."""
    return place.with_name(f".{place.name}.stackctl.json")


def dump(kept: StoredModel) -> str:
    content = {
        "about": "What stackctl pulled here, and from where. `stackctl models verify` holds the files to it.",
        "source": kept.source,
        "commit": kept.commit,
        "licence": kept.licence,
        "pulled": kept.pulled,
        "is_folder": kept.is_folder,
        "files": [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in kept.files],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def parse(text: str, place: PurePosixPath) -> StoredModel | None:
    """Read a record; None for anything that dump() did not write."""
    try:
        content = json.loads(text)
        files = tuple(
            RepoFile(name=str(one["name"]), size=one["size"], sha256=str(one["sha256"])) for one in content["files"]
        )
        found = StoredModel(
            place=place,
            files=files,
            is_folder=bool(content["is_folder"]),
            **{key: str(content[key]) for key in ("source", "commit", "licence", "pulled")},
        )
        is_ours = files and not any(name_fault(file.name) or not _is_size(file.size) for file in files)
        return found if is_ours and (found.is_folder or found.root / found.first == place) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _is_size(found: object) -> bool:
    """Whether JSON's value is a number of bytes that a file can have."""
    return type(found) is int and 0 <= found < 1 << 63
