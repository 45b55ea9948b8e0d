"""The file system that a folder is on, and whether it keeps owners and permissions."""

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from stackctl.contracts.host import Owner, Permissions
from stackctl.effects.storage.opening import FOLDER, Reach, links_for, opened
from stackctl.effects.storage.unwritable import translate_errors

_FOREIGN: Final = frozenset(
    {"9p", "drvfs", "cifs", "smb3", "nfs", "nfs4", "fuse.sshfs", "fuseblk", "ntfs3", "vfat", "exfat"}
)
_REFUSED: Final = frozenset({errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})
_PRIVATE: Final = 0o600


_MOUNTS: Final = Path("/proc/mounts")


def foreign_system(folder: Path, mounts: Path = _MOUNTS) -> str:
    """Return a folder's file system if it belongs to Windows or the network; "" if it belongs to this machine."""
    kind = file_system(folder, mounts)
    return kind if kind in _FOREIGN else ""


def file_system(folder: Path, mounts: Path = _MOUNTS) -> str:
    """Return the kind of file system that a folder is on, such as ext4 or cifs; "" if unknown."""
    return _mount(folder, mounts)[1]


def mount_point(folder: Path, mounts: Path = _MOUNTS) -> str:
    """Return the mount point of the file system that a folder is on, after resolving links; "" if unknown."""
    return _mount(folder.resolve(), mounts)[0]


def is_read_only(folder: Path) -> bool:
    """Return whether the file system is read-only that a folder is on, or will be on."""
    place = next(one for one in (folder, *folder.parents) if one.exists())
    return bool(os.statvfs(place).f_flag & os.ST_RDONLY)


def _mount(folder: Path, mounts: Path) -> tuple[str, str]:
    """Return (mount point, kind) of a folder's file system; the last one if several are mounted there."""
    best, kind = "", ""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:  # not Linux
        return "", ""
    for line in lines:
        place, system = line.split()[1:3]
        place = place.replace("\\040", " ")
        if folder.is_relative_to(place) and len(place) >= len(best):
            best, kind = place, system
    return best, kind


def permissions(
    folder: Path,
    owner: Owner,
    *,
    chmod: Callable[[int, int], None] = os.fchmod,
    chown: Callable[[int, int, int], None] = os.fchown,
) -> Permissions:
    """Try permissions with an empty file in a folder, or in its nearest parent; the file is deleted at once.

    Raises DataError for a read-only file system. If no file can be made for another reason, nothing is reported here:
    the later write reports it.
    """
    place = next(one for one in (folder, *folder.parents) if one.exists())
    name = f".stackctl-tries.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with translate_errors(place), opened(place, FOLDER, Reach(follow=links_for(owner))) as at:
        try:
            made = os.open(name, flags, 0o644, dir_fd=at)
        except OSError as e:
            if e.errno == errno.EROFS:
                raise
            return Permissions()
        try:
            return replace(_tried(made, owner, chmod, chown), file_system=file_system(place))
        finally:
            os.close(made)
            os.unlink(name, dir_fd=at)


def _tried(
    file: int, owner: Owner, chmod: Callable[[int, int], None], chown: Callable[[int, int, int], None]
) -> Permissions:
    try:
        chmod(file, _PRIVATE)
        found = os.fstat(file)
        if os.geteuid() == 0 and (found.st_uid, found.st_gid) != (owner.uid, owner.gid):
            chown(file, owner.uid, owner.gid)
    except OSError as e:
        if e.errno not in _REFUSED:
            raise
        return Permissions(are_refused=True)
    return Permissions(mode=stat.S_IMODE(os.fstat(file).st_mode))
