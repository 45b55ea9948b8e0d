"""One folder and its files: bounded reads, writes to a new file that is renamed, owners, the lock."""

import contextlib
import errno
import hashlib
import itertools
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from stackctl.contracts.host import Owner
from stackctl.core.config.files import STATE
from stackctl.effects.storage import folder_lock, opening
from stackctl.effects.storage.folder_lock import Says
from stackctl.effects.storage.new_file import beside, pieces
from stackctl.effects.storage.opening import Reach
from stackctl.effects.storage.unwritable import translate_errors
from stackctl.effects.storage.writing import clone, exists, give, is_written
from stackctl.errors import ConfigError, DataError
from stackctl.secret import Secret

MOST_BYTES = 16 << 20  # the most bytes of a file that is read whole
_PRIVATE_FOLDER = 0o700
_T = TypeVar("_T")


class Folder:
    """One deployment folder. Everything that is made here belongs to `owner`.

    `shared`: the folder in it (or an absolute path) to which a container writes. No link is followed below it.
    Elsewhere opening.links_for() decides, for a folder of `links_of` (None: the owner). Every read and write opens the
    path step by step, by descriptors.
    """

    def __init__(self, path: Path, owner: Owner, *, shared: str | None = None, links_of: Owner | None = None) -> None:
        self.path, self.owner = path.absolute(), owner
        closed = self.path / shared if shared is not None else None
        self._reach = Reach(follow=opening.links_for(links_of or owner), closed=closed)
        self._ground = opening.ground_of(links_of or owner)

    def read(self, name: str, *, most: int = MOST_BYTES, errors: str = "strict") -> str | None:
        """Return the text of a file, or None if there is none. `errors`: "replace" if the caller checks the text."""
        raw = self.read_bytes(name, most=most)
        try:
            return None if raw is None else raw.decode("utf-8-sig", errors)
        except UnicodeDecodeError as e:
            raise ConfigError(f"{self.path / name} is not UTF-8 text", hint="Save it as UTF-8.") from e

    def read_bytes(self, name: str, *, most: int = MOST_BYTES) -> bytes | None:
        """Return the bytes of a file, or None if there is none.

        Raises DataError unless it is a regular file of at most `most` bytes, and for a link that is not followed.
        """
        path = self.path / name
        return self._asked(path, lambda descriptor: opening.read_bounded(descriptor, path, most))

    def has_file(self, name: str) -> bool:
        """Return whether there is a file that may be read; raise DataError as read_bytes() does."""
        return self._asked(self.path / name, lambda _: True) or False

    def size_and_time(self, name: str) -> tuple[int, int] | None:
        """Return a file's size (bytes) and time of change (ns since the epoch), or None if there is none."""
        found = self._asked(self.path / name, os.fstat)
        return None if found is None else (found.st_size, found.st_mtime_ns)

    def _asked(self, path: Path, ask: Callable[[int], _T]) -> _T | None:
        """Return ask(descriptor) for a regular file, or None if there is none."""
        try:
            with opening.regular_file(path, self._reach) as descriptor:
                return ask(descriptor)
        except FileNotFoundError:
            return None
        except OSError as e:
            raise DataError(
                f"{path} can't be read: {e.strerror}", hint="Run `ls -ld` to see what it is, and who may read it."
            ) from e

    def write(self, name: str, content: str | bytes, *, mode: int = 0o644, reader: Owner | None = None) -> bool:
        """Write a new file, sync it and rename it, so that the file is never incomplete. False if it was the same.

        It belongs to the folder's owner, or to `reader` if we have the right to give it away.
        """
        raw = content.encode() if isinstance(content, str) else content
        return self._write(name, raw, mode, reader or self.owner, is_private=not mode & 0o077)

    def write_secret(self, name: str, secret: Secret, *, reader: Owner) -> bool:
        """Write a file that only `reader`, a container's user, can read on this machine.

        Without the right to give it away, the file is readable for all, but only the owner may enter its folder: the
        container has the file itself, by its mount.
        """
        path = self.path / name
        with translate_errors(path.parent), self._opened(path.parent, make=True) as folder:
            if stat.S_IMODE(os.fstat(folder).st_mode) != _PRIVATE_FOLDER:
                os.fchmod(folder, _PRIVATE_FOLDER)
        mode = 0o400 if os.geteuid() in {0, reader.uid} else 0o444
        return self._write(name, secret.reveal().encode(), mode, reader, is_private=True)

    def receive(self, name: str, source: int, *, is_synced: bool) -> str:
        """Copy an open file here, with its holes, its time and its mode, and return its sha256.

        As with write(), the file is never incomplete. Not `is_synced`: the caller syncs many files at once.
        """
        path, digest = self.path / name, hashlib.sha256()
        with (
            translate_errors(path),
            self._opened(path.parent, make=True) as folder,
            beside(path.name, folder) as stream,
        ):
            is_cloned = clone(source, stream.fileno())
            for piece, is_hole in pieces(source):
                digest.update(piece)
                if is_cloned:
                    continue
                if is_hole:
                    stream.seek(len(piece), os.SEEK_CUR)
                else:
                    stream.write(piece)
            if not is_cloned:
                stream.truncate()
            found = os.fstat(source)
            give(stream.fileno(), self.owner)
            os.fchmod(stream.fileno(), stat.S_IMODE(found.st_mode) & 0o777 | 0o600)
            os.utime(stream.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))  # SillyTavern sorts chats by this time
            if is_synced:
                os.fsync(stream.fileno())
        return digest.hexdigest()

    def put_in_place(self, beside: str, name: str) -> None:
        """Rename a complete file that lies next to `name`; its bytes are on the disk before it gets the name."""
        path = self.path / name
        with translate_errors(path), self._opened(path.parent) as folder:
            whole = os.open(beside, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            try:
                opening.refuse_irregular(whole, path.with_name(beside))
                with contextlib.suppress(PermissionError):
                    give(whole, self.owner)
                os.fsync(whole)
            finally:
                os.close(whole)
            os.replace(beside, path.name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def make(self, name: str) -> None:
        """Make a folder and those above it; each belongs to the owner."""
        path = self.path / name
        with translate_errors(path), self._opened(path, make=True):
            pass

    def owner_id(self, name: str) -> int:
        """Return the uid of a folder in this one."""
        path = self.path / name
        with translate_errors(path), opening.opened(path, opening.FOLDER, self._reach) as folder:
            return os.fstat(folder).st_uid

    def set_aside(self, name: str) -> Path | None:
        """Rename a file to a free name and return its new path; None if there is no file."""
        path = self.path / name
        with translate_errors(path), contextlib.suppress(FileNotFoundError), self._opened(path.parent) as folder:
            os.stat(path.name, dir_fd=folder, follow_symlinks=False)
            names = (f"{path.name}.kept-{number}" for number in itertools.count(1))
            kept = next(name for name in names if not exists(name, folder))
            os.rename(path.name, kept, src_dir_fd=folder, dst_dir_fd=folder)
            return path.with_name(kept)
        return None

    def remove(self, name: str) -> None:
        """Delete a file, if it exists."""
        path = self.path / name
        with translate_errors(path), contextlib.suppress(FileNotFoundError), self._opened(path.parent) as folder:
            os.unlink(path.name, dir_fd=folder)

    def move(self, name: str, to: str) -> None:
        """Replace a file by another one in one step, which takes no room."""
        source, target = self.path / name, self.path / to
        with (
            translate_errors(target),
            self._opened(source.parent) as here,
            self._opened(target.parent, make=True) as there,
        ):
            os.replace(source.name, target.name, src_dir_fd=here, dst_dir_fd=there)
            os.fsync(there)

    def sha256(self, name: str) -> str:
        """Return the sha256 of a file's bytes; "" if there is no file."""
        raw = self.read_bytes(name)
        return "" if raw is None else hashlib.sha256(raw).hexdigest()

    @contextlib.contextmanager
    def locked(self, says: Says, *, wait_s: float = folder_lock.WAIT_S, writes: bool = True) -> Iterator[None]:
        """Hold the folder for this process; `says` gets the pid of another process that we wait for.

        `writes`: whether the caller changes files here. A caller that does not can work on a read-only disk.
        """
        path = self.path / STATE / "lock"
        with translate_errors(path):
            lock = self._lock(path, writes=writes)
        try:
            if lock is not None:
                folder_lock.take(lock, path, says, wait_s)
                if os.fstat(lock).st_nlink == 1:  # with a second name it could be another file
                    with contextlib.suppress(OSError):  # the pid is only information: a full disk does not matter
                        give(lock, self.owner)  # the next process may run without sudo
                        folder_lock.note(lock)
            yield
        finally:
            if lock is not None:
                os.close(lock)

    def _lock(self, path: Path, *, writes: bool) -> int | None:
        """Open the lock's file; None on a read-only disk without one, where no process can change anything."""
        try:
            with self._opened(path.parent, make=True) as folder:
                return folder_lock.opened(folder, path)
        except OSError as e:
            if writes or e.errno != errno.EROFS:
                raise
        with contextlib.suppress(FileNotFoundError), opening.regular_file(path, self._reach) as found:
            return os.dup(found)
        return None

    def _write(self, name: str, raw: bytes, mode: int, owner: Owner, *, is_private: bool) -> bool:
        path = self.path / name
        with translate_errors(path), self._opened(path.parent, make=True) as folder:
            if is_written(folder, path.name, raw, mode, owner, is_private=is_private):
                return False
            with beside(path.name, folder) as stream:
                stream.write(raw)
                stream.flush()
                with contextlib.nullcontext() if is_private else contextlib.suppress(PermissionError):
                    give(stream.fileno(), owner)  # NTFS, exFAT and shares, which may hold models, refuse it
                    os.fchmod(stream.fileno(), mode)
                os.fsync(stream.fileno())
            os.fsync(folder)
        return True

    def _opened(self, path: Path, *, make: bool = False) -> contextlib.AbstractContextManager[int]:
        """Open a folder to write in it. A folder outside of this one must lie in one that belongs to the same owner."""
        is_inside = path.is_relative_to(self.path) and ".." not in path.relative_to(self.path).parts
        return opening.opened(
            path,
            opening.FOLDER,
            self._reach,
            make=self.owner if make else None,
            ground=None if is_inside else self._ground,
        )
