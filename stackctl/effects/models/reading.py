"""Open untrusted files safely: reading a pipe could wait for ever, and a device has no end."""

import mmap
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from stackctl.core.model import file_signature, gguf, gguf_parts
from stackctl.core.model.gguf import GgufFile
from stackctl.errors import ModelError

_BEHIND: Final = 64 << 10  # bytes after the tensors that tell whether another file was appended
_PERMISSIONS: Final = "Check the path and its permissions."
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip


def where(wanted: str, folder: Path) -> Path:
    """Return a path of stack.toml or the command line, which is relative to `folder`."""
    try:
        return folder / Path(wanted).expanduser()
    except RuntimeError as e:
        raise ModelError(
            f"{wanted}: there is no such user, or none with a home",
            hint="Write the whole path, or ./~ for a name that begins with ~.",
        ) from e


def regular(path: Path) -> os.stat_result:
    """Return the status of a regular file; raise ModelError for anything else."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        kind = next((words for is_it, words in _KINDS if is_it(found.st_mode)), "something else")
        raise ModelError(f"{path} is {kind}, not a file", hint="Remove it, or put the model into a separate folder.")
    return found


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading."""
    regular(path)  # before opening it, which starts an action on some devices
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise ModelError(
                f"{path} changed while it was read", hint="Wait until nothing writes to it.", issue="model-damaged"
            )
        yield stream


def beginning(path: Path, count: int = file_signature.ENOUGH) -> bytes:
    """Return a file's first bytes."""
    with opened(path) as stream:
        return stream.read(count)


def headers(paths: Iterable[Path]) -> tuple[GgufFile, ...]:
    """Return the headers of all parts of a GGUF."""
    parts = gguf_parts.Parts()
    for path in paths:
        part = _header(path)
        parts.add(part, name=str(path), others=partial(_other_parts, path, part))
    return tuple(parts.files)


def _header(path: Path) -> GgufFile:
    with opened(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if not size:
            return gguf.read(b"", 0, name=str(path))
        # not closed here: an exception may still hold views of the map
        mapped = mmap.mmap(stream.fileno(), min(size, gguf.LONGEST), access=mmap.ACCESS_READ)
        found = gguf.read(memoryview(mapped), size, name=str(path))
        gguf_parts.refuse_appended(found, size, os.pread(stream.fileno(), _BEHIND, found.size), name=str(path))
        return found


def _other_parts(path: Path, part: GgufFile) -> Mapping[int, str]:
    """Return the paths of the other parts of a split model in a part's folder, by their number from 0.

    Of two with one number the one that is named as `path` is counts, but for the digits.
    """
    count, number, form = part.number("split.count"), part.metadata.get("split.no"), re.sub(r"\d+", "0", path.name)
    found: dict[int, list[str]] = {}
    for one in sorted(path.parent.iterdir()):
        if one.suffix.lower() != ".gguf" or one == path:
            continue
        with suppress(ModelError, OSError):
            other = _header(one)
            place = other.metadata.get("split.no")
            if other.number("split.count") == count and isinstance(place, int) and place != number:
                found.setdefault(place, []).append(str(one))
    parts: dict[int, str] = {}
    for place, paths in found.items():
        alike = [one for one in paths if re.sub(r"\d+", "0", Path(one).name) == form]
        if len(alike or paths) == 1:
            parts[place] = (alike or paths)[0]
    return parts


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn an OSError while a model is read into a ModelError about `path`."""
    try:
        yield
    except OSError as e:
        raise ModelError(
            f"{e.filename or path} can't be read: {e.strerror}", hint=_PERMISSIONS, issue="folder-not-readable"
        ) from e
