"""The part of an existing SillyTavern's folder that stays behind, and why.

Source: SillyTavern's repository, by the names of its files.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Final

from stackctl.core.adoption.layout import Piece, Row

_NOT_TAKEN: Final[Mapping[str, str]] = {
    "node_modules": "the program's; the image has its own",
    ".git": "the program's",
    "backups": "copies of what is taken; they stay where they are",
    "thumbnails": "created again",
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
    others = [name for name in rest if name not in left and name not in _PROGRAM]
    if any(name in _PROGRAM for name in rest):
        left["the program"] = "the image has its own"
    left |= dict.fromkeys(others, "not SillyTavern's")
    return tuple(Row(what=name, files=0, size=0, action="not_adopted", reason=why) for name, why in left.items())
