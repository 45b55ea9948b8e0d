"""Files that others made, opened without trust in what they are: a pipe would wait for ever, a device never end."""

import mmap
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from stackctl.core.model import file_signature, gguf
from stackctl.core.model.gguf import GgufFile
from stackctl.errors import ModelError

_PERMISSIONS: Final = "check the path and its permissions"
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip


def where(wanted: str, folder: Path) -> Path:
    """A path as stack.toml or the command line gives it, which counts from `folder`."""
    try:
        return folder / Path(wanted).expanduser()
    except RuntimeError as e:
        raise ModelError(
            f"{wanted}: there is no such user, or none with a home", hint="write the path out; ./~ for a name with ~"
        ) from e


def regular(path: Path) -> os.stat_result:
    """The status of a file; raise ModelError for what only has a name like one."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        kind = next((words for is_it, words in _KINDS if is_it(found.st_mode)), "something else")
        raise ModelError(f"{path} is {kind}, not a file", hint="remove it, or put the model into a folder of its own")
    return found


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file, to be read."""
    regular(path)  # before it is opened, which some devices take for a command
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise ModelError(f"{path} changed while it was read", hint="is something at work in that folder?")
        yield stream


def beginning(path: Path, count: int = file_signature.ENOUGH) -> bytes:
    """A file's first bytes."""
    with opened(path) as stream:
        return stream.read(count)


def headers(paths: Iterable[Path]) -> tuple[GgufFile, ...]:
    """The headers of all parts of a GGUF."""
    parts = gguf.Parts()
    for path in paths:
        parts.add(_header(path), name=str(path))
    return tuple(parts.files)


def _header(path: Path) -> GgufFile:
    with opened(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if not size:
            return gguf.read(b"", 0, name=str(path))
        # not closed here: an error on its way up still holds views of the map
        mapped = mmap.mmap(stream.fileno(), min(size, gguf.LONGEST), access=mmap.ACCESS_READ)
        return gguf.read(memoryview(mapped), size, name=str(path))


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What the system refuses while a model is read, said as an error of the model at `path`."""
    try:
        yield
    except OSError as e:
        raise ModelError(f"{e.filename or path} can't be read: {e.strerror}", hint=_PERMISSIONS) from e
