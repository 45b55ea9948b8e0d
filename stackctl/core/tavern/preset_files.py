"""Preset files of stackctl's own in SillyTavern's data folder: their names and places, and when one may be written.

Sources: SillyTavern 1.19.0, src/endpoints/presets.js (the folders, and what a save in the page writes) and the package
sanitize-filename 1.6.3, by which it names the files; src/endpoints/settings.js reads them at each load of the page.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final, Literal

from stackctl.contracts.json_table import table_or_empty
from stackctl.core.tavern import container as tavern

USER_FOLDER: Final = "data/default-user"  # in the data folder
# kind of preset -> its folder in the user's
FOLDERS: Final[Mapping[str, str]] = {
    "instruct": "instruct",
    "context": "context",
    "reasoning": "reasoning",
    "textgen": "TextGen Settings",
}
# a preset of samplers is named by its file alone
_NAMED_INSIDE: Final = frozenset({"instruct", "context", "reasoning"})
# kind of preset -> its key in a connection profile
PROFILE_KEYS: Final[Mapping[str, str]] = {
    "instruct": "instruct",
    "context": "context",
    "reasoning": "reasoning-template",
    "textgen": "preset",
}
# besides what no file system takes: braces begin a macro and a bar ends a slash command of SillyTavern
_UNSAFE: Final = re.compile(r'[/?<>\\:*|"{}]+')
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # by Windows
_MOST_CHARACTERS: Final = 80
_MOST_BYTES: Final = 200  # a file system takes 255, and a name apart and a file's ending follow
_UNNAMED: Final = "model"
_TRIES: Final = 9

Recorded = Mapping[str, Mapping[str, Any]]  # kind -> name -> the table that stackctl wrote
Fate = Literal["write", "keep", "theirs"]


@dataclass(frozen=True, kw_only=True)
class PresetFile:
    """A preset that SillyTavern's page shall list. content: without its name."""

    kind: str  # a key of FOLDERS
    name: str
    content: Mapping[str, Any]

    @property
    def place(self) -> str:
        """Return the path in the data folder."""
        return place(self.kind, self.name)

    @property
    def table(self) -> dict[str, Any]:
        """Return the content of the file."""
        return {**self.content, "name": self.name} if self.kind in _NAMED_INSIDE else dict(self.content)


def place(kind: str, name: str) -> str:
    """Return the path of a preset in the data folder."""
    return f"{USER_FOLDER}/{FOLDERS[kind]}/{name}.json"


def safe_name(title: str) -> str:
    """Return a model's name as one that every file system, and SillyTavern's page, keeps as it is."""
    plain = unicodedata.normalize("NFC", title)
    shown = "".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in plain)
    name = " ".join(_UNSAFE.sub(" ", shown).split())[:_MOST_CHARACTERS]
    name = name.encode()[:_MOST_BYTES].decode(errors="ignore").strip(". ")
    return f"{name} model" if _RESERVED.fullmatch(name) else name or _UNNAMED


def names_apart(file: PresetFile) -> Iterator[PresetFile]:
    """Give the preset, then the same one under other names, for where its name is taken."""
    yield file
    yield replace(file, name=f"{file.name} (stackctl)")
    for number in range(2, _TRIES):
        yield replace(file, name=f"{file.name} (stackctl {number})")


def shipped_names(kind: str, shipped: Iterable[str]) -> frozenset[str]:
    """Return the names of SillyTavern's own presets, in small letters. shipped: the paths of the image's files."""
    folder = PurePosixPath(tavern.PRESETS[kind])
    return frozenset(path.stem.casefold() for path in map(PurePosixPath, shipped) if path.parent == folder)


def fate(file: PresetFile, now: Any, wrote: Any, *, is_named: bool) -> Fate:
    """Return what becomes of a preset.

    now: the table in the file, None without a file; wrote: what stackctl wrote there last, None if nothing.
    is_named: SillyTavern's settings name it. A preset that the user deleted stays deleted unless they do.
    """
    if now is None:
        return "write" if wrote is None or is_named else "theirs"
    if now == file.table:
        return "keep"
    return "write" if wrote is not None and now == wrote else "theirs"


def recorded(record: Mapping[str, Any]) -> Recorded:
    """Return the presets that stackctl wrote, by a record."""
    kinds = table_or_empty(record.get("presets"))
    return {
        kind: {
            name: table
            for name, table in table_or_empty(kinds.get(kind)).items()
            if isinstance(table, Mapping) and not {"/", "\0"} & set(name)  # a damaged record names no file elsewhere
        }
        for kind in FOLDERS
    }


def with_recorded(wrote: Recorded, files: Collection[PresetFile]) -> dict[str, dict[str, Any]]:
    """Return the presets to record once these files have been written."""
    kinds = {kind: dict(wrote.get(kind, {})) for kind in FOLDERS}
    for file in files:
        kinds[file.kind][file.name] = file.table
    return {kind: names for kind, names in kinds.items() if names}


def is_named(file: PresetFile, settings: Mapping[str, Any]) -> bool:
    """Return whether SillyTavern's settings name this preset: as the selected one, or in a connection profile."""
    power = table_or_empty(settings.get("power_user"))
    if file.kind == "textgen":
        selected = table_or_empty(settings.get("textgenerationwebui_settings")).get("preset")
    else:
        unit = table_or_empty(power.get(file.kind))
        selected = unit.get("name" if file.kind == "reasoning" else "preset")
    extensions = table_or_empty(settings.get("extension_settings"))
    listed = table_or_empty(extensions.get("connectionManager")).get("profiles")
    profiles = [table_or_empty(one) for one in listed] if isinstance(listed, list) else []
    return file.name in (selected, *(one.get(PROFILE_KEYS[file.kind]) for one in profiles))
