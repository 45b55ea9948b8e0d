"""The meaning of an error while writing, and what to do about it."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from stackctl.errors import DataError

_ISSUES = {
    errno.ENOSPC: "disk-full",
    errno.EDQUOT: "disk-full",
    errno.EROFS: "folder-read-only",
    errno.EACCES: "folder-not-writable",
    errno.EPERM: "folder-not-writable",
    errno.EMFILE: "limits-too-small",
}


@contextlib.contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Turn an error while writing into DataError."""
    try:
        yield
    except OSError as e:
        raise _unwritable(path, e) from e


def _unwritable(path: Path, error: OSError) -> DataError:
    hints = {
        errno.ENOSPC: "Free some space (see `docker system df`), then run this again. Nothing is lost.",
        errno.EDQUOT: "Free some space, because the disk quota is used up, then run this again. Nothing is lost.",
        errno.EROFS: "Mount its read-only file system for writing. `stackctl stop` and `stackctl down` work without.",
        errno.EACCES: "Run stackctl as the folder's owner: root may not write there (NFS with root_squash, FUSE)."
        if os.geteuid() == 0
        else "Check who owns it: `ls -ld` shows that.",
        errno.EPERM: "Check who owns it: `ls -ld` shows that.",
        errno.EMFILE: "Run `ulimit -n 1024`, then this again: the shell allows too few open files.",
    }
    number = error.errno or 0
    hint = hints.get(number, "Check the disk and the folder.")
    issue = _ISSUES.get(number, DataError.issue)
    return DataError(f"{path} can't be written: {error.strerror}", hint=hint, issue=issue)
