"""What lies in a folder only by its name: behind a link, or on a file system that is mounted there."""

from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from stackctl.core.uninstall.mounts import mount_points
from stackctl.machine import Machine

_MOUNTS: Final = PurePosixPath("/proc/self/mountinfo")
_MOST: Final = 4 << 20


def is_inside(path: Path, folder: Path) -> bool:
    """Return whether a path lies in a folder, with no link on the way there."""
    if not path.is_relative_to(folder) or path == folder or ".." in path.parts:
        return False
    steps = [path, *path.parents][: len(path.parts) - len(folder.parts)]
    with suppress(OSError):
        return not any(one.is_symlink() for one in steps)
    return False


def mounted_in(path: Path, machine: Machine) -> str:
    """Return where a file system is mounted at or below a path, whose files belong elsewhere; "" if nowhere."""
    place = path
    with suppress(OSError, RuntimeError):
        place = path.resolve()
    said = machine.system.text(_MOUNTS, most=_MOST) or ""
    return next((one for one in mount_points(said) if PurePosixPath(one).is_relative_to(place)), "")
