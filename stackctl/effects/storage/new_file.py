"""A new file that takes its name once it is whole, and what it is copied from, holes and all."""

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
    """Read a file piece by piece; of a hole in it the zeros that it stands for. True: it is one."""
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
    """Return the descriptor of a new file without a name there; None where the system or the disk has no such thing."""
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
    """Give a new file to write, which takes its name once it is whole; until then it is for nobody but us.

    It has no name where the file system can do that, so that nothing of it stays if we are killed.
    """
    there = f".{name}.{threading.get_native_id()}.new"  # of the main thread that is the process's number
    unlink(there, folder)  # a link that somebody planted there is not followed
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
    """Remove what one that was killed left of a new file of that name."""
    for one in os.listdir(folder):
        found = re.fullmatch(rf"\.{re.escape(name)}\.([0-9]+)\.new", one)
        if found and not Path("/proc", found[1]).exists():
            unlink(one, folder)
