"""The disk's side of a download: `<name>.part`, its note, and the lock."""

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
    """What the server said about the file whose beginning is in .part; `size` 0: it did not say."""

    url: str  # the sha256 of the URL, which may hold a secret that not every disk can protect
    etag: str
    last_modified: str
    size: int

    @property
    def validator(self) -> str:
        """Return the value of If-Range, which takes no weak ETag (RFC 9110, 13.1.5); "" if .part can't be continued."""
        return self.etag if self.etag.startswith('"') else self.last_modified


@dataclass(frozen=True, kw_only=True)
class Part:
    """The beginning of a file from `url` that will be `target`, of `size` bytes (0: unknown).

    `free`: returns the free bytes of a folder's disk.
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
        """Return the source of .part; None if there is nothing that can be continued."""
        try:
            source = Source(**json.loads(self._note.read_bytes()))
            is_ours = source.url == self._mark and source.size in {0, self.size or source.size}
            can_grow = bool(source.validator) and self.length() <= (source.size or self.length())
        except (OSError, ValueError, TypeError, AttributeError):
            return None  # no note, or an incomplete one
        return source if is_ours and can_grow else None

    def length(self) -> int:
        return self.path.stat().st_size

    def digest(self) -> "_Hash":
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256")

    def sha256(self) -> str:
        return self.digest().hexdigest()

    def opened(self, have: int) -> BinaryIO:
        """Open .part to write after its first `have` bytes, which is 0 or its length."""
        file = open(self.path, "ab" if have else "wb", opener=_no_link_of_others)  # noqa: SIM115 - the caller closes it
        _own(self.path)
        return file

    def note(self, etag: str, last_modified: str, size: int) -> None:
        source = Source(url=self._mark, etag=etag, last_modified=last_modified, size=size)
        with open(self._note, "w", opener=_no_link_of_others) as file:
            file.write(json.dumps(asdict(source)))
        _own(self._note)

    def finished(self, sha256: str) -> str:
        """Return the sha256 of a target that is already right, else ""."""
        if not self.target.is_file() or self.target.stat().st_size != (self.size or self.target.stat().st_size):
            return ""
        with self.target.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return digest if digest == (sha256 or digest) else ""

    def put_in_place(self) -> None:
        """Rename .part to the target; the data is flushed to the disk before the rename."""
        _sync(self.path)
        self.path.replace(self.target)
        self._note.unlink(missing_ok=True)
        _sync(self.target.parent)

    @contextlib.contextmanager
    def kept_if_useful(self) -> Iterator[None]:
        """Delete what arrived if the block fails and no rerun can continue it."""
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
        """Return a text that says what a rerun does."""
        have = self.length() if self.begun() else 0
        return f"a rerun resumes at {_mib(have)}" if have else "a rerun starts from the beginning"

    def refuse_if_full(self, remaining: int | None) -> None:
        """Raise DoesNotFit if `remaining` bytes more (None: unknown) would fill the disk."""
        free, wanted = self.free(self.target.parent), (remaining or 0) + STAYS_FREE
        if wanted <= free:
            return
        needs = f"is not complete at {_mib(self.length())}" if remaining is None else f"needs {_mib(remaining)} more"
        raise DoesNotFit(
            f"{self.target.name} {needs}, but {self.target.parent} has {_mib(free)} free, of which {_mib(STAYS_FREE)} "
            "must stay free",
            hint=f"Free {_mib(wanted - free)} there, then run this again: {self.resumes()}.",
            issue="disk-full",
        )

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no other process downloads this target, and make others wait."""
        import filelock

        path = self.target.with_name(f".{self.target.name}.lock")  # never removed: that could let two processes in
        with filelock.FileLock(path, mode=0o644):
            _own(path)
            yield

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Turn an error of the disk into DataError."""
        try:
            yield
        except OSError as e:
            hints = {
                errno.ENOSPC: "Free some space",
                errno.EDQUOT: "Free some space, because the disk quota is used up",
                errno.EFBIG: "Put it on a disk for such large files (FAT32 ends at 4 GiB, `ulimit -f` at its number)",
            }
            hint = hints.get(e.errno or 0, f"Check who may write to {self.target.parent}")
            raise DataError(
                f"{self.target} can't be written: {e.strerror}",
                hint=f"{hint}, then run this again: {self.resumes()}.",
                issue="folder-not-writable",
            ) from e


def _mib(size: int) -> str:
    """Return a number of bytes as a text for people."""
    return f"{size / (1 << 20):,.1f} MiB"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _no_link_of_others(name: str, flags: int) -> int:
    """Open a file for writing; root follows a link only if root made it."""
    is_link = os.path.islink(name)  # noqa: PTH114 - open() gives its opener a text
    if os.geteuid() == 0 and not (is_link and os.lstat(name).st_uid == 0):
        flags |= os.O_NOFOLLOW
    return os.open(name, flags | os.O_CLOEXEC, 0o666)


def _own(path: Path) -> None:
    """Give a file that root made to the folder's owner, because that user may do the next run."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        with contextlib.suppress(PermissionError):  # a file system without owners
            os.chown(path, folder.st_uid, folder.st_gid, follow_symlinks=False)
