"""The disk's side of a download: `<name>.part`, the note beside it, and the lock."""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from stackctl.core.hub.store import STAYS_FREE
from stackctl.errors import DataError, DoesNotFit

if TYPE_CHECKING:
    from hashlib import _Hash


@dataclass(frozen=True, kw_only=True)
class Source:
    """What the server said of the file whose beginning lies in .part; `size` 0: it did not say."""

    url: str  # its sha256: an address may hold a secret, which not every disk can keep
    etag: str
    last_modified: str
    size: int

    @property
    def validator(self) -> str:
        """For If-Range, which takes no weak ETag (RFC 9110, 13.1.5); "": .part can't be continued safely."""
        return self.etag if self.etag.startswith('"') else self.last_modified


@dataclass(frozen=True, kw_only=True)
class Part:
    """The beginning of a file from `url` that will be `target`, of `size` bytes (0: not known).

    `free`: the bytes that a folder's disk has free.
    """

    url: str
    target: Path
    size: int
    free: Callable[[Path], int]

    @property
    def path(self) -> Path:
        return self.target.with_name(f"{self.target.name}.part")

    @property
    def _note(self) -> Path:
        return self.target.with_name(f"{self.target.name}.part.json")

    @property
    def _mark(self) -> str:
        return hashlib.sha256(self.url.encode()).hexdigest()

    def begun(self) -> Source | None:
        """Where .part came from; None where there is nothing that can be continued."""
        try:
            source = Source(**json.loads(self._note.read_bytes()))
            is_ours = source.url == self._mark and source.size in {0, self.size or source.size}
            can_grow = bool(source.validator) and self.length() <= (source.size or self.length())
        except (OSError, ValueError, TypeError, AttributeError):
            return None  # no note, or one cut short while it was written
        return source if is_ours and can_grow else None

    def length(self) -> int:
        return self.path.stat().st_size

    def digest(self) -> "_Hash":
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256")

    def sha256(self) -> str:
        return self.digest().hexdigest()

    def opened(self, have: int) -> BinaryIO:
        """For the bytes after the first `have`, which is 0 or what there is."""
        file = open(self.path, "ab" if have else "wb", opener=_no_link_of_others)  # noqa: SIM115 - the caller closes it
        _own(self.path)
        return file

    def note(self, etag: str, last_modified: str, size: int) -> None:
        source = Source(url=self._mark, etag=etag, last_modified=last_modified, size=size)
        with open(self._note, "w", opener=_no_link_of_others) as file:
            file.write(json.dumps(asdict(source)))
        _own(self._note)

    def finished(self, sha256: str) -> str:
        """The sha256 of a target that is already right, else ""."""
        if not self.target.is_file() or self.target.stat().st_size != (self.size or self.target.stat().st_size):
            return ""
        with self.target.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return digest if digest == (sha256 or digest) else ""

    def put_in_place(self) -> None:
        """Rename .part to the target; the data reaches the disk before the name does."""
        _sync(self.path)
        self.path.replace(self.target)
        self._note.unlink(missing_ok=True)
        _sync(self.target.parent)

    @contextlib.contextmanager
    def kept_if_useful(self) -> Iterator[None]:
        """Delete what arrived where that ends badly and no rerun can continue it."""
        try:
            yield
        except BaseException:
            if self.begun() is None:
                self.discard()
            raise

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def resumes(self) -> str:
        """What a rerun does, in words."""
        have = self.length() if self.begun() else 0
        return f"a rerun resumes at {_mib(have)}" if have else "a rerun starts from the beginning"

    def refuse_if_full(self, remaining: int | None) -> None:
        """Raise DoesNotFit where `remaining` bytes more (None: nobody knows how many) would fill the disk."""
        free, wanted = self.free(self.target.parent), (remaining or 0) + STAYS_FREE
        if wanted <= free:
            return
        needs = f"has no end after {_mib(self.length())}" if remaining is None else f"needs {_mib(remaining)} more"
        raise DoesNotFit(
            f"{self.target.name} {needs}, but {self.target.parent} has {_mib(free)} free, and {_mib(STAYS_FREE)} "
            "have to stay",
            hint=f"free {_mib(wanted - free)} there and run it again: {self.resumes()}",
        )

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no other process downloads this target, and keep them waiting."""
        import filelock

        path = self.target.with_name(f".{self.target.name}.lock")  # stays: removing it would let two in
        with filelock.FileLock(path, mode=0o644):
            _own(path)
            yield

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Turn a disk that refuses into DataError."""
        try:
            yield
        except OSError as e:
            hints = {
                errno.ENOSPC: "free some space",
                errno.EDQUOT: "the disk quota is used up: free some space",
                errno.EFBIG: "put it where such large files may be (FAT32 ends at 4 GiB, `ulimit -f` at its number)",
            }
            hint = hints.get(e.errno or 0, f"check who may write to {self.target.parent}")
            raise DataError(
                f"{self.target} can't be written: {e.strerror}", hint=f"{hint}, then run it again: {self.resumes()}"
            ) from e


def _mib(size: int) -> str:
    """A number of bytes, for people."""
    return f"{size / (1 << 20):,.1f} MiB"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _no_link_of_others(name: str, flags: int) -> int:
    """Open a file for writing; as root not through a link, unless root made that."""
    is_link = os.path.islink(name)  # noqa: PTH114 - open() gives its opener a text
    if os.geteuid() == 0 and not (is_link and os.lstat(name).st_uid == 0):
        flags |= os.O_NOFOLLOW
    return os.open(name, flags | os.O_CLOEXEC, 0o666)


def _own(path: Path) -> None:
    """Made by root, a file belongs to the folder's owner: the next run may be that user's own."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        with contextlib.suppress(PermissionError):  # a file system without owners
            os.chown(path, folder.st_uid, folder.st_gid, follow_symlinks=False)
