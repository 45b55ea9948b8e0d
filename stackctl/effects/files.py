"""The deployment's folder: read, write beside and rename, own, lock."""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from stackctl.core import terminal
from stackctl.core.secret import Secret
from stackctl.core.seen import Owner
from stackctl.errors import ConfigError, DataError, EngineError

STATE = ".stackctl"
_LOCK_WAIT_S = 600
_PRIVATE_FOLDER = 0o700


class Says(Protocol):
    """Where a short remark for the user goes."""

    def __call__(self, text: str) -> None: ...


class Folder:
    """One deployment folder. Everything that is made here belongs to `owner`; in `shared` a container writes, too."""

    def __init__(self, path: Path, owner: Owner, *, shared: tuple[str, ...] = ()) -> None:
        self.path, self.owner, self.shared = path, owner, shared

    def read(self, name: str) -> str | None:
        """The text of a file, or None where there is none."""
        self._refuse_links(name)
        try:
            return (self.path / name).read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as e:
            raise ConfigError(f"{self.path / name} is not UTF-8 text", hint="save it as UTF-8") from e
        except OSError as e:
            raise DataError(
                f"{self.path / name} can't be read: {e.strerror}", hint="ls -ld shows what it is, and for whom"
            ) from e

    def write(self, name: str, content: str | bytes, *, mode: int = 0o644, reader: Owner | None = None) -> bool:
        """Write beside, sync, rename: the old file or the new one, never half of one. False: it was the same.

        It belongs to the folder's owner, or as far as we may give it away to `reader`.
        """
        raw = content.encode() if isinstance(content, str) else content
        return self._write(name, raw, mode, reader or self.owner, is_private=not mode & 0o077)

    def _write(self, name: str, raw: bytes, mode: int, owner: Owner, *, is_private: bool) -> bool:
        target = self.path / name
        self._refuse_links(name)
        with _explained(target):
            if _is_written(target, raw, mode, owner, is_private=is_private):
                return False
            self.make(str(Path(name).parent))
            beside = target.with_name(f".{target.name}.{os.getpid()}.new")
            try:
                self._write_synced(beside, raw, mode, owner)
                beside.replace(target)
            finally:
                beside.unlink(missing_ok=True)
            _sync_folder(target.parent)
        return True

    def write_secret(self, name: str, secret: Secret, *, reader: Owner) -> bool:
        """Write a file that `reader`, a container's user, can read and that is for nobody else on this machine.

        Where we may not give it away, everybody may read it, but nobody else gets into its folder: a container has
        the file alone, by its mount.
        """
        self.make(str(Path(name).parent))
        around = (self.path / name).parent
        with _explained(around):
            if stat.S_IMODE(around.stat().st_mode) != _PRIVATE_FOLDER:
                around.chmod(_PRIVATE_FOLDER)
        mode = 0o400 if os.geteuid() in {0, reader.uid} else 0o444
        return self._write(name, secret.reveal().encode(), mode, reader, is_private=True)

    def make(self, name: str) -> None:
        """Make a folder and those above it, each belonging to the owner."""
        path = self.path / name
        with _explained(path):
            missing = [p for p in (path, *path.parents) if not p.exists()]
            for folder in reversed(missing):
                folder.mkdir(mode=0o755, exist_ok=True)
                self._own(folder)

    def set_aside(self, name: str) -> Path | None:
        """Rename a file out of the way, keeping its content; None where there is none."""
        source = self.path / name
        if not source.exists():
            return None
        number = 1
        while (kept := source.with_name(f"{source.name}.kept-{number}")).exists():
            number += 1
        with _explained(source):
            source.rename(kept)
        return kept

    def remove(self, name: str) -> None:
        """Delete a file, if it is there."""
        with _explained(self.path / name):
            (self.path / name).unlink(missing_ok=True)

    def sha256(self, name: str) -> str:
        """Of a file's bytes; "" where there is none."""
        path = self.path / name
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""

    @contextlib.contextmanager
    def locked(self, says: Says, *, wait_s: float = _LOCK_WAIT_S) -> Iterator[None]:
        """Hold the folder for this process; another one's pid is named while we wait for it."""
        import filelock

        self.make(STATE)
        holder = self.path / STATE / "holder"
        lock = filelock.FileLock(self.path / STATE / "lock", mode=0o644)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            who = f"another stackctl (process {(self.read(f'{STATE}/holder') or '?').strip()})"
            says(f"{who} is at work in this folder; waiting for it to finish")
            try:
                lock.acquire(timeout=wait_s)
            except filelock.Timeout as e:
                raise EngineError(
                    f"{who} still holds {self.path}", hint="wait for it, or end it, then run this again"
                ) from e
        except OSError as e:
            raise _unwritable(self.path / STATE / "lock", e) from e
        try:
            with _explained(holder):
                holder.write_text(str(os.getpid()))
                for path in (holder, self.path / STATE / "lock"):  # the next one may come without sudo
                    self._own(path)
            yield
        finally:
            lock.release()

    def _write_synced(self, path: Path, raw: bytes, mode: int, owner: Owner) -> None:
        # for nobody but us until it is whole; never through a link: SillyTavern's container may write where we do
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
        self._own(path, owner)

    def _refuse_links(self, name: str) -> None:
        """Raise DataError for a link where a container writes: it could lead to any file of this machine."""
        root = next((one for one in self.shared if Path(name).is_relative_to(one)), None)
        path = self.path / root if root else self.path
        for part in Path(name).relative_to(root).parts if root else ():
            path /= part
            if path.is_symlink():
                raise DataError(f"{path} is a link, which is not followed here", hint="put the file itself there")

    def _own(self, path: Path, owner: Owner | None = None) -> None:
        if os.geteuid() == 0:
            uid, gid = ((owner or self.owner).uid, (owner or self.owner).gid)
            os.chown(path, uid, gid, follow_symlinks=False)


def private(path: Path) -> None:
    """Make a folder that is ours alone; raise DataError where somebody else has one there, or a link."""
    with _explained(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise DataError(
                f"{path} is not a folder of this user's own", hint="remove it, or name another: --at FOLDER"
            )


def remove(path: Path, *, up_to: Path) -> None:
    """Remove a folder, if it is there, with all that is in it; then those above it that are empty, below `up_to`."""
    with _explained(path):
        if path.exists():
            shutil.rmtree(path)
    for above in path.parents:
        if above == up_to or not above.is_dir() or any(above.iterdir()):
            break
        above.rmdir()


def overwrite(path: Path, text: str) -> None:
    """Write a report where the user wants it."""
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def append(path: Path, text: str) -> None:
    """Add to a report that others write to, too."""
    with _explained(path), path.open("a", encoding="utf-8") as stream:
        stream.write(text)


def private_text(path: Path) -> str:
    """The text of a file that holds a secret; raise ConfigError where others may read it, too."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise ConfigError(
                f"{path} may be read by others (mode {mode:03o})", hint=terminal.command_line("chmod", 600, path)
            )
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise ConfigError(f"{path} is not UTF-8 text", hint="save it as UTF-8") from e
    except OSError as e:
        raise ConfigError(f"{path} can't be read: {e.strerror}", hint="check the path and its permissions") from e


def owner_of(folder: Path) -> Owner:
    """Who a deployment in this folder belongs to: its owner, or under sudo in root's folder the caller."""
    place = next(p for p in (folder, *folder.parents) if p.exists())
    stat = place.stat()
    if stat.st_uid == 0 and os.geteuid() == 0 and os.environ.get("SUDO_UID", "").isdigit():
        return Owner(uid=int(os.environ["SUDO_UID"]), gid=int(os.environ.get("SUDO_GID", "0")))
    return Owner(uid=stat.st_uid, gid=stat.st_gid)


def data_home() -> Path:
    """Where stackctl keeps what stacks share (XDG_DATA_HOME); under sudo the caller's, not root's."""
    if os.environ.get("XDG_DATA_HOME"):
        return Path(os.environ["XDG_DATA_HOME"]) / "stackctl"
    home = Path.home()
    if os.geteuid() == 0 and os.environ.get("SUDO_USER"):
        home = Path(f"~{os.environ['SUDO_USER']}").expanduser()
    return home / ".local" / "share" / "stackctl"


def template_root() -> Path:
    """The compose templates: inside an installed wheel, or in the checkout of an editable install."""
    return _shipped("compose-templates")


def image_root() -> Path:
    """The folders of the images that we build, likewise."""
    return _shipped("images")


def tavern_extension() -> dict[str, str]:
    """The files of our extension for SillyTavern's page, by name."""
    folder = Path(__file__).resolve().parents[1] / "tavern_extension"
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.iterdir())}


def _shipped(name: str) -> Path:
    package = Path(__file__).resolve().parents[1]
    inside = package / "_data" / name
    return inside if inside.is_dir() else package.parent / name


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise _unwritable(path, e) from e


def _unwritable(path: Path, error: OSError) -> DataError:
    hints = {
        errno.ENOSPC: "free some space (docker system df shows what images take) and run it again; nothing is lost",
        errno.EDQUOT: "the disk quota is used up: free some space and run it again; nothing is lost",
        errno.EROFS: "that file system is mounted read-only",
        errno.EACCES: "check who owns it: ls -ld shows it",
        errno.EPERM: "check who owns it: ls -ld shows it",
    }
    hint = hints.get(error.errno or 0, "check the disk and the folder")
    return DataError(f"{path} can't be written: {error.strerror}", hint=hint)


def _is_written(target: Path, raw: bytes, mode: int, owner: Owner, *, is_private: bool) -> bool:
    """Whether a file is what write() would make of it; of a private one the mode and the owner count, too."""
    if target.is_symlink() or not target.is_file() or not os.access(target, os.R_OK) or target.read_bytes() != raw:
        return False
    found = target.stat()
    is_given = os.geteuid() != 0 or (found.st_uid, found.st_gid) == (owner.uid, owner.gid)
    return not is_private or (stat.S_IMODE(found.st_mode) == mode and is_given)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
