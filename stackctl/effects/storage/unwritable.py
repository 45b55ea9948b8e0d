"""What a system that refuses to write means, and what to do about it."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from stackctl.errors import DataError


@contextlib.contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Turn a system that refuses to write into DataError."""
    try:
        yield
    except OSError as e:
        raise _unwritable(path, e) from e


def _unwritable(path: Path, error: OSError) -> DataError:
    hints = {
        errno.ENOSPC: "free some space (docker system df shows what images take) and run it again; nothing is lost",
        errno.EDQUOT: "the disk quota is used up: free some space and run it again; nothing is lost",
        errno.EROFS: "its file system is read-only: mount it for writing first; stackctl stop and down work as it is",
        errno.EACCES: "root may not write there (NFS with root_squash, FUSE): run stackctl as the folder's owner"
        if os.geteuid() == 0
        else "check who owns it: ls -ld shows it",
        errno.EPERM: "check who owns it: ls -ld shows it",
        errno.EMFILE: "this shell allows too few open files: ulimit -n 1024; then run it again",
    }
    hint = hints.get(error.errno or 0, "check the disk and the folder")
    return DataError(f"{path} can't be written: {error.strerror}", hint=hint)
