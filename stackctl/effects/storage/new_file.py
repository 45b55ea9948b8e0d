"""A new file that gets its name once it is complete, and the reading of a file with its holes."""

import contextlib
import errno
import itertools
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from stackctl.effects.storage.opening import data_extents
from stackctl.effects.storage.writing import unlink

_PIECE = 1 << 20  # bytes
_DESCRIPTORS = "/proc/self/fd"


def pieces(source: int) -> Iterator[tuple[bytes, bool]]:
    """Give a file's pieces, and whether each is a hole; a hole's piece is its zeros."""
    at = 0
    for begin, end in itertools.chain(data_extents(source), [(os.fstat(source).st_size,) * 2]):
        while at < begin:
            zeros = bytes(min(_PIECE, begin - at))
            yield zeros, True
            at += len(zeros)
        os.lseek(source, at, os.SEEK_SET)
        while at < end and (piece := os.read(source, min(_PIECE, end - at))):
            yield piece, False
            at += len(piece)


def nameless_file(folder: int) -> int | None:
    """Return the descriptor of a new file without a name; None if the system or the disk does not support that."""
    if not hasattr(os, "O_TMPFILE") or not Path(_DESCRIPTORS).is_dir():
        return None
    try:
        return os.open(".", os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600, dir_fd=folder)
    except OSError as e:
        if e.errno in {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}:  # NFS, CIFS, FUSE; an old kernel
            return None
        raise


@contextlib.contextmanager
def beside(name: str, folder: int, *, nameless: Callable[[int], int | None] = nameless_file) -> Iterator[BinaryIO]:
    """Give a new file to write, which gets its name once it is complete; until then only we may read it.

    It has no name if the file system supports that, so that nothing of it stays if we are killed.
    """
    there = f".{name}.{threading.get_native_id()}.new"  # for the main thread this is the process id
    unlink(there, folder)  # so that a link that another user put there is not followed
    try:
        descriptor = nameless(folder)
        is_named = descriptor is None
        if descriptor is None:
            _sweep(name, folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(there, flags, 0o600, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            if not is_named:
                os.link(f"{_DESCRIPTORS}/{descriptor}", there, dst_dir_fd=folder)
        os.replace(there, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        unlink(there, folder)


def _sweep(name: str, folder: int) -> None:
    """Remove new files of that name that killed processes left."""
    for one in os.listdir(folder):
        found = re.fullmatch(rf"\.{re.escape(name)}\.([0-9]+)\.new", one)
        if found and not Path("/proc", found[1]).exists():
            unlink(one, folder)
