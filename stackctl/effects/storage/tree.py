"""Whole folders: walk them, copy them completely, and exchange them in one step."""

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
_DEEPEST = 100  # levels; SillyTavern's own folders have about six
_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})  # a broken link, a socket
_ROOM = 64 << 20  # bytes that must stay free


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A file to copy: its path, which links lead to it, and its path in the copy."""

    source: Path
    reach: Reach
    target: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Everything below a file or folder."""

    files: tuple[Leaf, ...]
    folders: tuple[str, ...]  # paths in the copy, parents first
    links: tuple[Path, ...]  # links that lead out of `within`
    lost: tuple[Path, ...]  # broken or refused links, what is not a file, what is nested too deeply
    skipped: tuple[str, ...]  # paths in the copy
    stats: Mapping[str, os.stat_result]  # a folder's path in the copy -> its status


def existing(folder: Path, names: Iterable[str]) -> frozenset[str]:
    """Return those of the paths (relative to the folder, or absolute) that exist."""
    with translate_errors(folder, "read"):
        return frozenset(name for name in names if (folder / name).exists())


def names(folder: Path) -> tuple[str, ...]:
    """Return the names in a folder; () if it does not exist."""
    with translate_errors(folder, "read"):
        return tuple(sorted(os.listdir(folder))) if folder.is_dir() else ()  # noqa: PTH208 - only names are needed


def walk(
    source: Path, target: str, *, within: Path, reach: Reach, skip: Callable[[str], bool] = lambda _: False
) -> Tree:
    """Return everything below `source`, with its path below `target`; `skip` gets that path.

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
    """What a walk has found so far."""

    def __init__(self, *, within: Path, reach: Reach, skip: Callable[[str], bool]) -> None:
        self._within, self._reach, self._skip = within, reach, skip
        self.files: list[Leaf] = []
        self.folders: list[str] = []
        self.links: list[Path] = []
        self.lost: list[Path] = []
        self.skipped: list[str] = []
        self.stats: dict[str, os.stat_result] = {}

    def visit(self, path: Path, place: str, above: frozenset[tuple[int, int]]) -> None:
        """Look at a path. `above`: (device, inode) of the folders that contain it."""
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
    """Raise DoesNotFit, with this hint, unless `needed` bytes can be written there."""
    place = _nearest(folder)
    with translate_errors(place, "read"):
        free = shutil.disk_usage(place).free
    if free < needed + _ROOM:
        raise DoesNotFit(
            f"the copy takes {needed >> 20} MiB, and only {free >> 20} MiB are free at {place}",
            hint=hint,
            issue="disk-full",
        )


def free_mib(folder: Path) -> int:
    """Return the MiB free on the disk that a folder is on, or will be on."""
    with translate_errors(folder, "read"):
        return shutil.disk_usage(_nearest(folder)).free >> 20


def can_clone(folder: Path) -> bool:
    """Return whether a copy in a folder takes no room: its file system lets two files share their blocks."""
    with suppress(OSError), TemporaryFile(dir=folder) as one, TemporaryFile(dir=folder) as other:
        return clone(one.fileno(), other.fileno())
    return False


def disk(folder: Path) -> int:
    """Return the number of the disk that a folder is on, or will be on."""
    with translate_errors(folder, "read"):
        return _nearest(folder).stat().st_dev


def _nearest(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if one.exists())


def copy(trees: Iterable[Tree], into: Path, owner: Owner, says: Callable[[str], None]) -> dict[str, str]:
    """Copy into a folder, with times and modes, and return path in the copy -> sha256.

    The copy is flushed to the disk once put() has returned.
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
    """Copy a file to a name in a folder, completely or not at all, and return its sha256."""
    with translate_errors(leaf.source, "read"), regular_file(leaf.source, leaf.reach) as source:
        return folder.receive(name, source, is_synced=is_synced)


def read(path: Path, reach: Reach, most: int = MOST_BYTES) -> bytes:
    """Return the bytes of a file; raise DataError if it can't be read, or is larger than `most`."""
    with translate_errors(path, "read"), regular_file(path, reach) as descriptor:
        return read_bounded(descriptor, path, most)


def sha256(path: Path, reach: Reach) -> str:
    """Return the sha256 of a file's bytes; "" if there is no regular file."""
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
    """Raise DataError if root would read or write for `owner` in a folder that is not theirs."""
    place = next(one for one in (folder, *folder.parents) if one.is_dir())
    with translate_errors(place, "read"):
        if not is_ground_of(owner, place, Reach(follow=links_for(owner))):
            raise DataError(
                f"{place} is in no folder of user {owner.uid}: root reads and writes nothing there for them",
                hint="Copy the files by hand: `cp -a` keeps their times.",
                issue="folder-owner-wrong",
            )


def put(staged: Path, target: Path, aside: Path | None) -> None:
    """Replace the folder `target` in one step; the old one is `aside` afterwards (None: there was none)."""
    with translate_errors(target, "written"):
        os.sync()  # the copy is on the disk before a name changes
        if aside is None:
            staged.rename(target)
        else:
            staged.rename(aside)
            exchange(aside, target)
        os.sync()


def take_away(target: Path, before: Path | None) -> Path:
    """Replace the folder `target` by `before` (None: nothing) in one step; return where the old one is now."""
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
    """Exchange two names by one call of Linux; return False if the system or the file system can't."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    if libc.renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    if ctypes.get_errno() in {errno.EINVAL, errno.ENOSYS}:
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(other))


def exchange(one: Path, other: Path, in_one_step: Callable[[Path, Path], bool] = at_once) -> None:
    """Exchange two folders. If the system can't do that in one step, rename them one after the other."""
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
    """Return a free name next to a folder's, under which it can be kept."""
    number = 1
    while (kept := path.with_name(f"{path.name}.kept-{number}")).exists():
        number += 1
    return kept


def remove(folder: Path) -> None:
    """Remove a copy that was not used yet."""
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
            hint="Check who owns it, and the disk (`ls -ld`, `df -h`), then run this again. Nothing was changed.",
        ) from e
