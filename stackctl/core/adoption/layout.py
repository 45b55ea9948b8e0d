"""The layout of an existing SillyTavern: the kind of its folder, and the place of each piece in a stack's folder.

Sources: SillyTavern 1.19.0, src/users.js (migrateUserData: the layout from before 1.12), src/constants.js, its docker/
folder's compose file.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

from stackctl.errors import ConfigError

USER: Final = "data/default-user"
RECORD: Final = "adopted.json"  # in the adopted folder, so that it is moved and removed with it
CONFIG: Final = "config/config.yaml"  # in the stack's folder
_NATIVE_EXTENSIONS: Final = "public/scripts/extensions/third-party"
# before 1.12, in public/: the folders that 1.12 moved into the user's folder under the same name
ONCE_PUBLIC: Final = (
    "assets", "backgrounds", "characters", "chats", "context", "group chats", "groups", "instruct",
    "KoboldAI Settings", "movingUI", "NovelAI Settings", "OpenAI Settings", "QuickReplies", "TextGen Settings",
    "themes", "user", "User Avatars", "worlds", "settings.json", "stats.json",
)  # fmt: skip
# first part of a path in a user's folder -> its row in the table
_ROWS: Final[Mapping[str, str]] = {
    "chats": "chats",
    "group chats": "group chats",
    "characters": "characters",
    "groups": "groups",
    "worlds": "world info",
    "User Avatars": "personas' pictures",
    "user": "images and files from chats",
    "backgrounds": "backgrounds",
    "extensions": "extensions of the user",
    "backups": "SillyTavern's own backups",
    "settings.json": "settings",
    "secrets.json": "secrets",
}
# what --undo copies back if it is new or newer; the rest is settings, or SillyTavern creates it again
_BROUGHT: Final = frozenset(
    {"chats", "group chats", "characters", "groups", "worlds", "User Avatars", "user", "QuickReplies"}
)
_MADE_ANEW: Final = re.compile(
    r"data/(?:_webpack|_cache|_uploads|heartbeat\.json)(?:/.*)?|data/[^/]+/thumbnails(?:/.*)?|config/\.gitkeep"
)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A file or folder of the old SillyTavern (relative to its folder, or absolute), and its place in the stack."""

    source: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A kind of folder, its description, and its pieces."""

    title: str
    pieces: tuple[Piece, ...]
    is_converted: bool = False  # its data has an older layout than SillyTavern uses today


Action = Literal["copied", "converted", "not_adopted"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: a kind of file, its number and size, and what happens to it."""

    what: str
    files: int
    size: int  # bytes
    action: Action
    is_changed: bool = False  # the copy differs from the original
    reason: str = ""  # why it is not adopted


@dataclass(frozen=True, kw_only=True)
class KeptFile:
    """A file that was copied: its place in the stack's folder, and its size in bytes."""

    target: str
    size: int


def probes(data_root: str) -> tuple[str, ...]:
    """Return the paths whose existence decides the layout."""
    users = tuple(f"{data_root}/{name}" for name in ("default-user", "_storage"))
    return (
        "server.js", "public/characters", "public/settings.json", "config/config.yaml", "config.yaml",
        "default-user", "_storage", "settings.json", "characters", "chats", *users,
    )  # fmt: skip


def places(names: Iterable[str]) -> tuple[str, ...]:
    """Return the entries of a folder, by their names, in which a SillyTavern may be.

    They are the compose file's folder of a checkout, a stack's folder, and the folder of an unpacked archive.
    """
    return tuple(name for name in names if name.lower() == "docker" or name.lower().startswith("sillytavern"))


def spelled(name: str, names: Collection[str]) -> str:
    """Return the name as spelled in `names`: itself, or the only one that differs in case."""
    others = [one for one in names if one.lower() == name.lower()]
    return others[0] if len(others) == 1 else name


def layout(here: AbstractSet[str], data_root: str, names: Collection[str]) -> Layout | None:
    """Return the layout to which these paths belong; None if it is unknown.

    data_root: from config.yaml, or as spelled in the folder, whose entries are `names`.
    Raise ConfigError for a folder that SillyTavern has converted only in part.
    """
    has_data = bool(here & {f"{data_root}/default-user", f"{data_root}/_storage"})
    is_old = bool(here & {"public/characters", "public/settings.json"})
    if is_old and has_data:
        raise ConfigError(
            "the folder has data in both layouts, public/ and data/, and stackctl can't tell which is newer",
            hint="Start that SillyTavern once, so that it converts the data itself, and stop it; or move the older "
            "folder away.",
        )
    if is_old:
        return Layout(title="SillyTavern from before 1.12", pieces=_old(), is_converted=True)
    if has_data and "server.js" in here:
        return Layout(title="SillyTavern, installed natively", pieces=_native(data_root))
    if has_data:
        folders = {name: spelled(name, names) for name in ("config", "plugins", "extensions")} | {"data": data_root}
        pieces = tuple(Piece(source=source, target=name) for name, source in folders.items())
        return Layout(title="the folder of a compose file for SillyTavern", pieces=pieces)
    if here & {"default-user", "_storage"}:
        return Layout(title="SillyTavern's data folder", pieces=(Piece(source=".", target="data"),))
    if "settings.json" in here and here & {"characters", "chats"}:
        return Layout(title="the data of one user of SillyTavern", pieces=(Piece(source=".", target=USER),))
    return None


def _native(data_root: str) -> tuple[Piece, ...]:
    return (
        Piece(source="config.yaml", target=CONFIG),
        Piece(source=data_root, target="data"),
        Piece(source="plugins", target="plugins"),
        Piece(source=_NATIVE_EXTENSIONS, target="extensions"),
    )


def _old() -> tuple[Piece, ...]:
    return (
        Piece(source="config.yaml", target=CONFIG),
        *(Piece(source=f"public/{name}", target=f"{USER}/{name}") for name in ONCE_PUBLIC),
        Piece(source=_NATIVE_EXTENSIONS, target=f"{USER}/extensions"),
        Piece(source="vectors", target=f"{USER}/vectors"),
        Piece(source="secrets.json", target=f"{USER}/secrets.json"),
        Piece(source="plugins", target="plugins"),
    )


def is_made_anew(target: str) -> bool:
    """Return whether SillyTavern creates this path itself: caches."""
    return bool(_MADE_ANEW.fullmatch(target))


def is_settings(target: str) -> bool:
    """Return whether this path is a user's settings.json."""
    parts = PurePosixPath(target).parts
    return len(parts) == 3 and (parts[0], parts[2]) == ("data", "settings.json")


def files_taken(files: Iterable[KeptFile], *, is_converted: bool, changed: AbstractSet[str]) -> tuple[Row, ...]:
    """Return rows for the copied files, by kind and user. changed: the files that are changed in the copy."""
    action: Action = "converted" if is_converted else "copied"
    sums: dict[str, tuple[int, int]] = {}
    touched = {_row(PurePosixPath(target).parts) for target in changed}
    for file in files:
        row = _row(PurePosixPath(file.target).parts)
        count, size = sums.get(row, (0, 0))
        sums[row] = (count + 1, size + file.size)
    return tuple(
        Row(
            what=what,
            files=count,
            size=size,
            action=action if _is_data(what) else "copied",
            is_changed=what in touched,
        )
        for what, (count, size) in sorted(sums.items(), key=lambda one: _rank(one[0]))
    )


def caches(skipped: Iterable[str]) -> tuple[Row, ...]:
    """Return a row for the caches, by their paths in the stack's folder."""
    names = ", ".join(sorted({PurePosixPath(place).name for place in skipped}))
    return (Row(what=names, files=0, size=0, action="not_adopted", reason="created again"),) if names else ()


def refuse_newer(versions: Mapping[str, str], image: str) -> None:
    """Raise ConfigError if a user's settings (file -> its currentVersion) are of a newer SillyTavern than the image.

    An image whose tag is no version is accepted.
    """
    runs = version(image.partition("@")[0].rpartition("/")[2].partition(":")[2])
    for file, written in versions.items():
        if runs and version(written) > runs:
            raise ConfigError(
                f"{file} was written by SillyTavern {written}, but the stack runs {image}, which could damage data of "
                "a newer version",
                hint=f'Set `sillytavern.image = "...:{written}"` or a newer one in stack.toml.',
                issue="sillytavern-data-newer",
            )


def version(text: str) -> tuple[int, ...]:
    """Return a version as numbers: (1, 19, 0) for "1.19.0"; () for any other text."""
    found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(number or 0) for number in found.groups()) if found else ()


def is_brought(target: str) -> bool:
    """Return whether --undo copies this file back: chats, characters and their files."""
    parts = PurePosixPath(target).parts
    return len(parts) > 3 and parts[0] == "data" and parts[2] in _BROUGHT


def origin_of(target: str, pieces: Iterable[Piece]) -> str | None:
    """Return the place in the old folder (relative or absolute) of a file of the stack; None if it has none."""
    path, best = PurePosixPath(target), None
    for piece in pieces:
        is_above = path.is_relative_to(piece.target)
        if is_above and (best is None or len(piece.target) > len(best.target)):
            best = piece
    return str(PurePosixPath(best.source) / path.relative_to(best.target)) if best else None


def name_apart(name: str, number: int) -> str:
    """Return another name in the same folder, for a version that must not replace the file."""
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}.from-stackctl{f'-{number}' if number > 1 else ''}{path.suffix}"))


def _row(parts: tuple[str, ...]) -> str:
    if parts[0] == "data" and len(parts) > 2 and not parts[1].startswith("_"):
        kind = _ROWS.get(parts[2], "presets and the rest")
        return kind if parts[1] == "default-user" else f"{parts[1]}: {kind}"
    return {
        "config": "config.yaml",
        "plugins": "server plugins",
        "extensions": "extensions for all users",
        "data": "users and sessions",
    }[parts[0]]


def _rank(what: str) -> tuple[bool, int, str]:
    order = [*_ROWS.values(), "presets and the rest", "users and sessions", "config.yaml"]
    kind = what.rpartition(": ")[2]
    return (": " in what, order.index(kind) if kind in order else len(order), what)


def _is_data(what: str) -> bool:
    return what not in {"config.yaml", "server plugins", "extensions for all users"}
