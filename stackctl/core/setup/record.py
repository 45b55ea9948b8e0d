"""The record of what `stackctl setup` added to this machine, and the commands of the way back.

It is a file of what all stacks share, so that it outlives every stack: FILE in Storage.data.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from stackctl.core.formats.dataclass_json import from_plain, to_plain

FILE: Final = "setup.json"
VERSION: Final = 1
# the package manager -> the program that removes packages, and leaves settings and data. Debian's docker.io deletes
# /var/lib/docker, with all volumes, if it is purged: debian/docker.io.postrm in https://sources.debian.org/src/docker.io/
_REMOVES: Final = {
    "apt": ("apt-get", "remove", "--yes"),
    "dnf": ("dnf", "remove", "--assumeyes"),
    "zypper": ("zypper", "--non-interactive", "remove"),
    "pacman": ("pacman", "-R", "--noconfirm"),
    "apk": ("apk", "del"),
}


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """A file that was there before, and its copy."""

    path: str
    copy: str


@dataclass(frozen=True, kw_only=True)
class Added:
    """What one step added: nothing of it was there before.

    time: UTC, as 2026-11-25T10:00:00Z; manager: one of apt, dnf, zypper, pacman, apk, "" without packages; files: paths
    that were written; user, group: who joined what, "" if no user did; undo: further commands of the way back.
    """

    time: str
    title: str
    manager: str = ""
    packages: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    replaced: tuple[Replaced, ...] = ()
    user: str = ""
    group: str = ""
    undo: tuple[tuple[str, ...], ...] = ()


def way_back(added: Added) -> tuple[tuple[str, ...], ...]:
    """Return the programs, in order, that take back what a step added; all need root."""
    found = list(added.undo)
    if added.group:
        leaves = ("delgroup",) if added.manager == "apk" else ("gpasswd", "-d")
        found.append((*leaves, added.user, added.group))
    if added.packages:
        found.append((*_REMOVES[added.manager], *added.packages))
    if added.files:
        found.append(("rm", "-f", *added.files))
    found += [("mv", "-f", one.copy, one.path) for one in added.replaced]
    return tuple(found)


def read_record(text: str | None) -> tuple[Added, ...]:
    """Return what was added, the first first; () if there is no record, or none that this stackctl can read."""
    try:
        raw: Any = json.loads(text or "{}")
        if not isinstance(raw, dict) or raw.get("version") != VERSION:
            return ()
        found: tuple[Added, ...] = from_plain(tuple[Added, ...], raw.get("added"))
    except (ValueError, TypeError, RecursionError):
        return ()
    return tuple(one for one in found if not one.packages or one.manager in _REMOVES)


def write_record(added: Sequence[Added]) -> str:
    """Return the record's text."""
    return json.dumps({"version": VERSION, "added": [to_plain(one) for one in added]}, indent=2) + "\n"
