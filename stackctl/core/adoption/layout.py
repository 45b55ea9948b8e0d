"""A SillyTavern that exists already: which kind of folder holds it, and what of that goes where in a stack's own.

Sources: SillyTavern 1.19.0, src/users.js (migrateUserData: the layout from before 1.12), src/constants.js, its docker/
folder's compose file.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from stackctl.errors import ConfigError

USER: Final = "data/default-user"
RECORD: Final = "adopted.json"  # in the adopted folder: it comes and goes with it
CONFIG: Final = "config/config.yaml"  # in the stack's folder
_NATIVE_EXTENSIONS: Final = "public/scripts/extensions/third-party"
# before 1.12: below public/, what 1.12 moved into the user's folder under the same name
ONCE_PUBLIC: Final = (
    "assets", "backgrounds", "characters", "chats", "context", "group chats", "groups", "instruct",
    "KoboldAI Settings", "movingUI", "NovelAI Settings", "OpenAI Settings", "QuickReplies", "TextGen Settings",
    "themes", "user", "User Avatars", "worlds", "settings.json", "stats.json",
)  # fmt: skip
# first part below a user's folder -> its row in the table
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
# what --undo brings back where it is new or newer; the rest is settings, or made by SillyTavern itself
_BROUGHT: Final = frozenset(
    {"chats", "group chats", "characters", "groups", "worlds", "User Avatars", "user", "QuickReplies"}
)
_MADE_ANEW: Final = re.compile(
    r"data/(?:_webpack|_cache|_uploads|heartbeat\.json)(?:/.*)?|data/[^/]+/thumbnails(?:/.*)?|config/\.gitkeep"
)
_NOT_TAKEN: Final[Mapping[str, str]] = {
    "node_modules": "the program's; the image has its own",
    ".git": "the program's",
    "backups": "copies of what is taken; they stay where they are",
    "thumbnails": "made anew",
    "config.conf": "settings of the server from before config.yaml; nothing reads them any more",
    "certs": "the stack does not use them",
    **dict.fromkeys((".env", "stack.toml", ".stackctl"), "the stack has its own"),
    **{
        f"{name}.{end}": "the stack has its own"
        for name in ("compose", "compose.override", "docker-compose", "docker-compose.override")
        for end in ("yml", "yaml")
    },
}
_PROGRAM: Final = frozenset({
    ".dockerignore", ".editorconfig", ".eslintrc.cjs", ".github", ".gitattributes", ".gitignore", ".nomedia",
    ".npmignore", ".npmrc", ".replit", ".vscode", "CONTRIBUTING.md", "Dockerfile", "LICENSE", "README.md",
    "SECURITY.md", "Start.bat", "Update-Instructions.txt", "UpdateAndStart.bat", "UpdateForkAndStart.bat", "colab",
    "cache", "default", "docker", "docker-entrypoint.sh", "index.d.ts", "jsconfig.json",
    "package-lock.json", "package.json", "plugins.js", "post-install.js", "public", "recover.js", "replit.nix",
    "server.js", "src", "start.sh", "tests", "tools", "webpack.config.js", "poe", "whitelist.txt", "access.log",
    "statsHelpers.js",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A file or folder of the old SillyTavern (below its folder, or absolute), and its place in the stack's."""

    source: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A kind of folder, in words, and its pieces."""

    title: str
    pieces: tuple[Piece, ...]
    is_converted: bool = False  # its data is laid out otherwise than SillyTavern has it today


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: what, how much of it, what becomes of it."""

    what: str
    files: int
    size: int  # bytes
    fate: str


@dataclass(frozen=True, kw_only=True)
class KeptFile:
    """A file that was copied: its place in the stack's folder, and its size in bytes."""

    target: str
    size: int


def probes(data_root: str) -> tuple[str, ...]:
    """The paths whose existence tells the layout."""
    users = tuple(f"{data_root}/{name}" for name in ("default-user", "_storage"))
    return (
        "server.js", "public/characters", "public/settings.json", "config/config.yaml", "config.yaml",
        "default-user", "_storage", "settings.json", "characters", "chats", *users,
    )  # fmt: skip


def places(names: Iterable[str]) -> tuple[str, ...]:
    """Return where below a folder that holds these names a SillyTavern may lie, the folder itself apart.

    That is the compose file's place in a checkout, a stack's folder, and what an archive of the program unpacks to.
    """
    return tuple(name for name in names if name.lower() == "docker" or name.lower().startswith("sillytavern"))


def spelled(name: str, names: Collection[str]) -> str:
    """Return the name as these have it: itself, or the only one that differs by its case alone."""
    others = [one for one in names if one.lower() == name.lower()]
    return others[0] if len(others) == 1 else name


def layout(here: AbstractSet[str], data_root: str, names: Collection[str]) -> Layout | None:
    """Which layout these paths are of; None: none that is known.

    `data_root`: as config.yaml has it, or as the folder spells it, which holds these names.
    Raises ConfigError for a folder that SillyTavern itself has not converted to the end.
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
    """Whether SillyTavern makes this place of its folder by itself: caches."""
    return bool(_MADE_ANEW.fullmatch(target))


def is_settings(target: str) -> bool:
    """Whether this is a user's settings.json."""
    parts = PurePosixPath(target).parts
    return len(parts) == 3 and (parts[0], parts[2]) == ("data", "settings.json")


def files_taken(files: Iterable[KeptFile], *, is_converted: bool, changed: AbstractSet[str]) -> tuple[Row, ...]:
    """Rows of what is copied, by kind; each user but the first under a name of its own. `changed`: on the copy."""
    fate = "taken, converted" if is_converted else "taken"
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
            fate=(fate if _is_data(what) else "taken") + (", changed as said below" if what in touched else ""),
        )
        for what, (count, size) in sorted(sums.items(), key=lambda one: _rank(one[0]))
    )


def caches(skipped: Iterable[str]) -> tuple[Row, ...]:
    """A row for what SillyTavern makes by itself, by its places in the stack's folder."""
    names = ", ".join(sorted({PurePosixPath(place).name for place in skipped}))
    return (Row(what=names, files=0, size=0, fate="left: made anew"),) if names else ()


def files_left(names_in: Callable[[str], Iterable[str]], pieces: Iterable[Piece]) -> tuple[Row, ...]:
    """Return rows for the part of the folder that stays behind, on its top level and beside each piece.

    `names_in`: what a path below it holds.
    """
    used = {PurePosixPath(piece.source) for piece in pieces if not piece.source.startswith("/")}
    if PurePosixPath() in used:  # the folder itself is the piece
        return ()
    above = {folder for one in used for folder in one.parents}
    ways = {PurePosixPath(), *(one for one in above if one.parts and one.parts[0] not in _PROGRAM)}
    found = {way / name for way in ways for name in names_in(str(way))}
    rest = sorted(str(one) for one in found - used - above)
    left = {name: _NOT_TAKEN[PurePosixPath(name).name] for name in rest if PurePosixPath(name).name in _NOT_TAKEN}
    rows = [Row(what=name, files=0, size=0, fate=f"left: {why}") for name, why in left.items()]
    if any(name in _PROGRAM for name in rest):
        rows.append(Row(what="the program", files=0, size=0, fate="left: the image has its own"))
    others = [name for name in rest if name not in left and name not in _PROGRAM]
    return (*rows, *(Row(what=name, files=0, size=0, fate="left: not SillyTavern's") for name in others))


def refuse_newer(versions: Mapping[str, str], image: str) -> None:
    """Raise ConfigError where a user's settings (file -> its currentVersion) are of a newer SillyTavern than the image.

    An image whose tag is no version can't be judged.
    """
    runs = version(image.partition("@")[0].rpartition("/")[2].partition(":")[2])
    for file, written in versions.items():
        if runs and version(written) > runs:
            raise ConfigError(
                f"{file} was written by SillyTavern {written}, but the stack runs {image}, which could damage data of "
                "a newer version",
                hint=f'Set `sillytavern.image = "...:{written}"` or a newer one in stack.toml.',
            )


def version(text: str) -> tuple[int, ...]:
    """(1, 19, 0) for "1.19.0"; () for what is no version."""
    found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(number or 0) for number in found.groups()) if found else ()


def is_brought(target: str) -> bool:
    """Whether --undo brings this file back: a chat, a character, what belongs to them."""
    parts = PurePosixPath(target).parts
    return len(parts) > 3 and parts[0] == "data" and parts[2] in _BROUGHT


def origin_of(target: str, pieces: Iterable[Piece]) -> str | None:
    """Where a file of the stack's folder belongs in the old one (below it, or absolute); None: it has no place."""
    path, best = PurePosixPath(target), None
    for piece in pieces:
        is_above = path.is_relative_to(piece.target)
        if is_above and (best is None or len(piece.target) > len(best.target)):
            best = piece
    return str(PurePosixPath(best.source) / path.relative_to(best.target)) if best else None


def name_apart(name: str, number: int) -> str:
    """Another name beside a file's, for a version that must not replace it."""
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
