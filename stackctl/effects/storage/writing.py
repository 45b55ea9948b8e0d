"""Operations on a file in an open folder: change its owner, compare it, delete it, share its blocks."""

import contextlib
import fcntl
import os
import stat

from stackctl.contracts.host import Owner

_CLONE = 0x40049409  # FICLONE of linux/fs.h


def clone(source: int, target: int) -> bool:
    """Let an empty file share another's blocks until one of them changes (a reflink); return False if unsupported."""
    try:
        fcntl.ioctl(target, _CLONE, source)
    except OSError:
        return False
    return True


def give(descriptor: int, owner: Owner) -> None:
    """Change the owner of an open file, if we have the right to."""
    if os.geteuid() == 0:
        os.fchown(descriptor, owner.uid, owner.gid)


def is_written(folder: int, name: str, raw: bytes, mode: int, owner: Owner, *, is_private: bool) -> bool:
    """Return whether a file is as write() would make it; for a private one mode and owner must match, too."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:  # missing, a link, or unreadable: it is written
        return False
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size != len(raw) or stream.read(len(raw) + 1) != raw:
            return False
    is_given = os.geteuid() != 0 or (found.st_uid, found.st_gid) == (owner.uid, owner.gid)
    return not is_private or (stat.S_IMODE(found.st_mode) == mode and is_given)


def exists(name: str, folder: int) -> bool:
    """Return whether a name exists, whatever it is."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def unlink(name: str, folder: int) -> None:
    """Delete a file, if it exists."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
