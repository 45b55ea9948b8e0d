"""Whole folders: what lies in them, copied with nothing left out, and put in another's place at one stroke."""

import ctypes
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from stackctl.contracts.host import Owner
from stackctl.effects.storage.folder import MOST_BYTES, Folder
from stackctl.effects.storage.opening import READ, Reach, is_ground_of, links_for, opened, read_bounded, regular_file
from stackctl.effects.storage.writing import clone
from stackctl.errors import DataError, DoesNotFit

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of linux/fcntl.h and linux/fs.h
_DEEPEST = 100  # levels; SillyTavern's own folders have some six
_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})  # a link to nothing, a socket
_ROOM = 64 << 20  # bytes that must stay free


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A file to copy: where it is, how far links lead there, and its path in the copy."""

    source: Path
    reach: Reach
    target: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What lies below a file or folder."""

    files: tuple[Leaf, ...]
    folders: tuple[str, ...]  # their paths in the copy, those above first
    links: tuple[Path, ...]  # that lead out of `within`
    lost: tuple[Path, ...]  # links that lead to nothing or are not followed, what is no file, what lies too deep
    skipped: tuple[str, ...]  # by their paths in the copy
    stats: Mapping[str, os.stat_result]  # of the folders, by their paths in the copy


def existing(folder: Path, names: Iterable[str]) -> frozenset[str]:
    """Those of the paths (below the folder, or absolute) that exist."""
    with translate_errors(folder, "read"):
        return frozenset(name for name in names if (folder / name).exists())


def names(folder: Path) -> tuple[str, ...]:
    """What a folder holds; () where there is none."""
    with translate_errors(folder, "read"):
        return tuple(sorted(os.listdir(folder))) if folder.is_dir() else ()  # noqa: PTH208 - names alone


def walk(
    source: Path, target: str, *, within: Path, reach: Reach, skip: Callable[[str], bool] = lambda _: False
) -> Tree:
    """Look at everything below `source`, each with its path below `target`; `skip` judges by that path.

    Raises DataError for a link that root must not follow.
    """
    seen = _Seen(within=within, reach=reach, skip=skip)
    with translate_errors(source, "read"):
        if source.exists():
            seen.visit(source, target, frozenset())
    return Tree(
        files=tuple(seen.files),
        folders=tuple(seen.folders),
        links=tuple(seen.links),
        lost=tuple(seen.lost),
        skipped=tuple(seen.skipped),
        stats=seen.stats,
    )


class _Seen:
    """What a walk has met so far."""

    def __init__(self, *, within: Path, reach: Reach, skip: Callable[[str], bool]) -> None:
        self._within, self._reach, self._skip = within, reach, skip
        self.files: list[Leaf] = []
        self.folders: list[str] = []
        self.links: list[Path] = []
        self.lost: list[Path] = []
        self.skipped: list[str] = []
        self.stats: dict[str, os.stat_result] = {}

    def visit(self, path: Path, place: str, above: frozenset[tuple[int, int]]) -> None:
        """Look at a path. `above`: the folders that it lies in, as the system numbers them."""
        if self._skip(place):
            self.skipped.append(place)
            return
        if path.is_symlink():
            if self._reach.closed and path.is_relative_to(self._reach.closed):
                self.lost.append(path)
                return
            if not Path(os.path.realpath(path)).is_relative_to(self._within.resolve()):
                self.links.append(path)
        try:
            with opened(path, READ, self._reach) as descriptor:
                self._look(path, descriptor, place, above)
        except OSError as e:
            if e.errno not in _NO_FILE:
                raise
            self.lost.append(path)

    def _look(self, path: Path, descriptor: int, place: str, above: frozenset[tuple[int, int]]) -> None:
        found = os.fstat(descriptor)
        number = found.st_dev, found.st_ino
        if stat.S_ISREG(found.st_mode):
            self.files.append(Leaf(source=path, reach=self._reach, target=place, size=found.st_size))
        elif stat.S_ISDIR(found.st_mode) and number not in above and len(above) < _DEEPEST:
            self.folders.append(place)
            self.stats[place] = found
            for name in sorted(os.listdir(descriptor)):
                self.visit(path / name, f"{place}/{name}", above | {number})
        else:  # a pipe, a device, a link to a folder above
            self.lost.append(path)


def refuse_full(folder: Path, needed: int, hint: str) -> None:
    """Raise DoesNotFit, with this hint, unless so many bytes can be written there."""
    place = _nearest(folder)
    with translate_errors(place, "read"):
        free = shutil.disk_usage(place).free
    if free < needed + _ROOM:
        raise DoesNotFit(f"the copy takes {needed >> 20} MiB, and only {free >> 20} MiB are free at {place}", hint=hint)


def free_mib(folder: Path) -> int:
    """Return the MiB free on the disk that a folder is on, or will be."""
    with translate_errors(folder, "read"):
        return shutil.disk_usage(_nearest(folder)).free >> 20


def can_clone(folder: Path) -> bool:
    """Whether a copy takes no room where a folder is: its file system lets two files share their blocks."""
    with suppress(OSError), TemporaryFile(dir=folder) as one, TemporaryFile(dir=folder) as other:
        return clone(one.fileno(), other.fileno())
    return False


def disk(folder: Path) -> int:
    """The number of the disk that a folder is on, or will be."""
    with translate_errors(folder, "read"):
        return _nearest(folder).stat().st_dev


def _nearest(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if one.exists())


def copy(trees: Iterable[Tree], into: Path, owner: Owner, says: Callable[[str], None]) -> dict[str, str]:
    """Copy into a folder, times and who may run it kept, and return sha256 by path in the copy.

    On the disk once put() has returned.
    """
    sums: dict[str, str] = {}
    trees, folder = tuple(trees), Folder(into, owner)
    total = sum(leaf.size for tree in trees for leaf in tree.files)
    done = 0
    folder.make(".")
    for tree in trees:
        for name in tree.folders:
            folder.make(name)
        for leaf in tree.files:
            sums[leaf.target] = bring(leaf, folder, leaf.target, is_synced=False)
            done += leaf.size
            says(f"copied {done >> 20} of {total >> 20} MiB")
    return sums


def bring(leaf: Leaf, folder: Folder, name: str, *, is_synced: bool = True) -> str:
    """Copy a file to where it is wanted, and return its sha256: the old one or the new one, never half of one."""
    with translate_errors(leaf.source, "read"), regular_file(leaf.source, leaf.reach) as source:
        return folder.receive(name, source, is_synced=is_synced)


def read(path: Path, reach: Reach, most: int = MOST_BYTES) -> bytes:
    """Return what a file holds; raise DataError where it can't be read, or is larger than `most`."""
    with translate_errors(path, "read"), regular_file(path, reach) as descriptor:
        return read_bounded(descriptor, path, most)


def sha256(path: Path, reach: Reach) -> str:
    """Return the sha256 of a file's bytes; "" where there is no regular file."""
    with (
        translate_errors(path, "read"),
        suppress(FileNotFoundError, NotADirectoryError),
        opened(path, READ, reach) as source,
    ):
        if stat.S_ISREG(os.fstat(source).st_mode):
            with os.fdopen(os.dup(source), "rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
    return ""


def refuse_foreign(folder: Path, owner: Owner) -> None:
    """Raise DataError where root would write for `owner` into no folder of theirs, or read what is in none."""
    place = next(one for one in (folder, *folder.parents) if one.is_dir())
    with translate_errors(place, "read"):
        if not is_ground_of(owner, place, Reach(follow=links_for(owner))):
            raise DataError(
                f"{place} lies in no folder of user {owner.uid}: root reads and writes nothing there for them",
                hint="Copy the files by hand: `cp -a` keeps their times.",
            )


def put(staged: Path, target: Path, aside: Path | None) -> None:
    """Put a folder where `target` is, at one stroke; what was there is at `aside` afterwards (None: nothing was)."""
    with translate_errors(target, "written"):
        os.sync()  # all that was copied is on the disk before a name changes
        if aside is None:
            staged.rename(target)
        else:
            staged.rename(aside)
            exchange(aside, target)
        os.sync()


def take_away(target: Path, before: Path | None) -> Path:
    """Put `before` (None: nothing) where `target` is, at one stroke; return where that is now."""
    with translate_errors(target, "written"):
        os.sync()
        aside = before or free_name(target)
        if before:
            exchange(before, target)
        else:
            target.rename(aside)
        os.sync()
    return aside


def at_once(one: Path, other: Path) -> bool:
    """Two names exchanged by one call of Linux; False: this system or its file system can't."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    if libc.renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    if ctypes.get_errno() in {errno.EINVAL, errno.ENOSYS}:
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(other))


def exchange(one: Path, other: Path, in_one_step: Callable[[Path, Path], bool] = at_once) -> None:
    """Two folders in each other's place. Where the system can't do that as one step, they are renamed in turn."""
    if in_one_step(one, other):
        return
    between = other.with_name(f".{other.name}.between")
    other.rename(between)
    try:
        one.rename(other)
    except BaseException:
        between.rename(other)
        raise
    between.rename(one)


def free_name(path: Path) -> Path:
    """A name beside a folder's for what is kept of it."""
    number = 1
    while (kept := path.with_name(f"{path.name}.kept-{number}")).exists():
        number += 1
    return kept


def remove(folder: Path) -> None:
    """Remove a copy that nobody has used yet."""
    with translate_errors(folder, "written"):
        if folder.exists():
            shutil.rmtree(folder)


@contextmanager
def translate_errors(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        where = e.filename or path
        raise DataError(
            f"{where} can't be {done}: {e.strerror}",
            hint="check who owns it, and the disk: ls -ld and df -h show that; nothing was changed, run it again",
        ) from e
