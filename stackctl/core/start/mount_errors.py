"""Explains why the engine can't mount an existing path: "the disk is not mounted" would mislead the user."""

import re
from collections.abc import Mapping
from typing import Final

from stackctl.core.observed import EngineView
from stackctl.errors import Unmountable

# messages of the engine (Docker Engine 28, Docker Desktop); its user is root, whom some file systems refuse
_WORDS: Final = re.compile(
    r"bind source path does not exist: (?P<missing>.+)"
    r"|stat (?P<denied>.+): permission denied"
    r"|The path (?P<unshared>.+) is not shared from the host"
)
_AGAIN: Final = "then run it again"
_VIEWS: Final[Mapping[EngineView, tuple[str, str]]] = {
    "": (
        "it has another view of the disk, as where something was mounted after its start",
        f"Restart the engine with `sudo systemctl restart docker`, {_AGAIN}; or put it on a disk that both see.",
    ),
    "snap": (
        "Docker from a snap sees only home folders",
        f"Put it into your home folder, {_AGAIN}; or install Docker's own packages.",
    ),
    "desktop": (
        "Docker Desktop sees only the folders that are shared with it",
        f"Add the folder at Settings > Resources > File sharing, {_AGAIN}.",
    ),
    "container": (
        "stackctl runs in a container, and the engine looks at the host's disk",
        f"Mount it into stackctl's container under its path on the host (`-v PATH:PATH`), {_AGAIN}.",
    ),
    "remote": (
        "the engine runs on another machine, and looks at that machine's disk",
        "Run stackctl on that machine.",
    ),
}


def source(error: Unmountable) -> str:
    """Return the path that the engine could not mount; "" if its message names none."""
    found = next(filter(None, map(_WORDS.search, error.evidence)), None)
    return next(filter(None, found.groups()), "").strip() if found else ""


def explain(error: Unmountable, *, is_here: bool, view: EngineView) -> Unmountable:
    """Return the error with its true cause. is_here: whether stackctl sees the path; view: what the engine may see."""
    path = source(error)
    if not path or not (is_here or any("permission denied" in line for line in error.evidence)):
        return error
    if any("permission denied" in line for line in error.evidence):
        return Unmountable(
            f"the engine may not read {path}: its file system refuses root (NFS with root_squash, FUSE without "
            "allow_other), or its folders are closed to other users",
            hint="Run `chmod o+x` on its folders or export it with no_root_squash (NFS), mount it `-o allow_other` "
            "(FUSE such as sshfs), or copy it to a disk of this machine.",
            evidence=error.evidence,
            issue="folder-not-readable",
        )
    why, hint = _VIEWS[view]
    return Unmountable(f"the engine does not see {path}, which exists here: {why}", hint=hint, evidence=error.evidence)
