"""The models that stackctl keeps in its own folder: their records, files and removal."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from stackctl.core.hub import store
from stackctl.core.hub.store import StoredModel
from stackctl.effects.storage import Folder, owner_of
from stackctl.effects.storage.opening import Reach, links_for, refuse_irregular, regular_file
from stackctl.errors import DataError, DoesNotFit

_STEP = 4 << 20
_LONGEST_RECORD = 16 << 20


def today_here() -> str:
    """Return the day by this machine's clock, as 2026-11-25."""
    return time.strftime("%Y-%m-%d")


class Library:
    """The store's folder on this machine; made at the first pull."""

    def __init__(self, folder: Path, today: Callable[[], str] = today_here) -> None:
        self.folder, self.today = folder, today

    def path(self, place: PurePosixPath) -> Path:
        return self.folder / place

    def kept(self) -> tuple[StoredModel, ...]:
        """Return every model that has a record, sorted by its path."""
        found = []
        for record in sorted(self.folder.rglob(".*.stackctl.json")):
            name = record.name.removeprefix(".").removesuffix(".stackctl.json")
            place = PurePosixPath(record.relative_to(self.folder)).with_name(name)
            if kept := self.at(place):
                found.append(kept)
        return tuple(found)

    def at(self, place: PurePosixPath) -> StoredModel | None:
        """Return the model that was pulled to a path; None if there is no record of it."""
        try:
            raw = self._own().read_bytes(str(store.record(place)), most=_LONGEST_RECORD)
            return None if raw is None else store.parse(raw.decode(), place)
        except (DataError, UnicodeDecodeError):
            return None

    def note(self, kept: StoredModel) -> None:
        """Write a model's record, completely or not at all."""
        self._own().write(str(kept.record), store.dump(kept))

    def digest(self, path: Path, progress: Callable[[int], None]) -> str:
        """Return the sha256 of a file; `progress` gets the bytes so far."""
        digest, done = hashlib.sha256(), 0
        base = self.folder if path.is_relative_to(self.folder) else path.parent
        with translate_errors(path), regular_file(path.absolute(), Reach(follow=links_for(owner_of(base)))) as file:
            while chunk := os.read(file, _STEP):
                digest.update(chunk)
                done += len(chunk)
                progress(done)
        return digest.hexdigest()

    def prepare(self, path: Path, named: Path) -> None:
        """Make the folder for a file: in the store, or else in the folder that the user named."""
        base = self._own() if path.is_relative_to(self.folder) else Folder(named, owner_of(named))
        base.make(str(path.parent.relative_to(base.path)))

    def put_in_place(self, beside: Path, target: Path) -> None:
        """Rename a complete file to its target; a file of that name is replaced."""
        Folder(target.parent, owner_of(target.parent)).put_in_place(beside.name, target.name)

    def take(self, copy: Path, target: Path, sha256: str, progress: Callable[[int], None]) -> bool:
        """Put another program's file in place as `target`; return False, and change nothing, if its sha256 differs.

        It is linked where the disk can do that, so that it takes no room; else copied. Raise DoesNotFit if the disk is
        too small for a copy, and DataError. `progress` gets the bytes read of a link.
        """
        beside = target.with_name(f".{target.name}.taken")
        owner = owner_of(target.parent)
        with translate_errors(target):
            beside.unlink(missing_ok=True)
            if owner.uid == os.geteuid() and _linked(copy, beside):
                digest = self.digest(beside, progress)
            else:
                self.refuse_if_full(target, copy.stat().st_size)
                with regular_file(copy, Reach(follow=links_for(owner_of(copy.parent)))) as source:
                    digest = Folder(target.parent, owner).receive(beside.name, source, is_synced=True)
            if digest != sha256:
                beside.unlink()
                return False
            self.put_in_place(beside, target)
        return True

    def append(self, piece: Path, whole: Path, at: int) -> None:
        """Write a file's bytes into another one from byte `at` on; delete the file once they are on the disk."""
        reach = Reach(follow=links_for(owner_of(whole.parent)))
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with translate_errors(whole), regular_file(piece.absolute(), reach) as source:
            with os.fdopen(os.open(whole, flags, 0o644), "wb") as sink:
                refuse_irregular(sink.fileno(), whole)
                sink.seek(at)
                while chunk := os.read(source, _STEP):
                    sink.write(chunk)
                sink.flush()
                os.fsync(sink.fileno())
            piece.unlink()

    def refuse_if_full(self, path: Path, needed: int) -> None:
        """Raise DoesNotFit if `needed` bytes would fill the disk of `path`."""
        folder = next(one for one in path.parents if one.exists())
        free = shutil.disk_usage(folder).free
        if needed and needed + store.STAYS_FREE > free:
            raise DoesNotFit(
                f"{needed / 1e9:.1f} GB must be downloaded, but {folder} has {free / 1e9:.1f} GB free, of which "
                f"{store.STAYS_FREE >> 20} MiB must stay free",
                hint="Free some space there, or choose a smaller quantisation.",
                issue="disk-full",
            )

    def remove(self, kept: StoredModel) -> None:
        """Delete a model's files, its record and the rest of an interrupted download; other models' files stay."""
        root = self.path(kept.root)
        with translate_errors(root):
            for file in kept.files:
                path = kept.root / file.name
                for one in (path, *_leftovers(path)):
                    self._own().remove(str(one))
            self._own().remove(str(kept.record))
            for folder in {root, *(parent for file in kept.files for parent in (root / file.name).parents)}:
                self._remove_empty(folder)

    def _remove_empty(self, folder: Path) -> None:
        """Remove a folder and those above it, up to the store's own, as long as they are empty."""
        while folder != self.folder and self.folder in folder.parents:
            if not folder.is_dir() or any(folder.iterdir()):
                return
            folder.rmdir()
            folder = folder.parent

    def _own(self) -> Folder:
        """Return the store's folder with its owner's rights, so that root follows no link that others made there."""
        return Folder(self.folder, owner_of(self.folder))


def _linked(copy: Path, beside: Path) -> bool:
    """Give a file a second name; return False where the disk can't do that, or the file is another user's."""
    try:
        os.link(copy, beside)
    except OSError:
        return False
    return True


def _leftovers(path: PurePosixPath) -> Iterator[PurePosixPath]:
    """Give the paths that effects/download makes next to a file."""
    yield path.with_name(f"{path.name}.part")
    yield path.with_name(f"{path.name}.part.json")
    yield path.with_name(f".{path.name}.lock")


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Turn an error of the disk into DataError."""
    try:
        yield
    except OSError as e:
        raise DataError(
            f"{path}: {e.strerror}", hint=f"Check who may read and write {path.parent}", issue="folder-not-writable"
        ) from e
