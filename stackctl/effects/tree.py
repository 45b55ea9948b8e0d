"""Whole folders: what lies in them, copied with nothing left out, and put in another's place at one stroke."""

import ctypes
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stackctl.core.seen import Owner
from stackctl.errors import DataError, DoesNotFit

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of linux/fcntl.h and linux/fs.h
_PIECE = 1 << 20
_ROOM = 64 << 20  # bytes that must stay free
_FOREIGN = frozenset({"9p", "drvfs", "cifs", "smb3", "nfs", "nfs4", "fuse.sshfs", "fuseblk", "ntfs3", "vfat", "exfat"})


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A file to copy: where it is, and its path in the copy."""

    source: Path
    target: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What lies below a file or folder, links followed."""

    files: tuple[Leaf, ...]
    folders: tuple[str, ...]  # their paths in the copy, those above first
    links: tuple[Path, ...]  # that lead out of `within`
    lost: tuple[Path, ...]  # links to nothing and what is no file
    skipped: tuple[str, ...]  # by their paths in the copy


def existing(folder: Path, names: Iterable[str]) -> frozenset[str]:
    """Those of the paths (below the folder, or absolute) that exist."""
    with explained(folder, "read"):
        return frozenset(name for name in names if (folder / name).exists())


def names(folder: Path) -> tuple[str, ...]:
    """What a folder holds; () where there is none."""
    with explained(folder, "read"):
        return tuple(sorted(os.listdir(folder))) if folder.is_dir() else ()  # noqa: PTH208 - names alone


def walk(source: Path, target: str, *, within: Path, skip: Callable[[str], bool] = lambda _: False) -> Tree:
    """Look at everything below `source`, each with its path below `target`; `skip` judges by that path."""
    files: list[Leaf] = []
    folders: list[str] = []
    links: list[Path] = []
    lost: list[Path] = []
    skipped: list[str] = []

    def visit(path: Path, place: str, above: tuple[str, ...]) -> None:
        if skip(place):
            skipped.append(place)
            return
        real = os.path.realpath(path)
        if path.is_symlink() and not Path(real).is_relative_to(within.resolve()):
            links.append(path)
        if path.is_dir() and real not in above:  # a link to a folder above would never end
            folders.append(place)
            for name in sorted(os.listdir(path)):  # noqa: PTH208 - names alone
                visit(path / name, f"{place}/{name}", (*above, real))
        elif path.is_file():
            files.append(Leaf(source=path, target=place, size=path.stat().st_size))
        else:
            lost.append(path)

    with explained(source, "read"):
        if source.exists():
            visit(source, target, ())
    return Tree(
        files=tuple(files), folders=tuple(folders), links=tuple(links), lost=tuple(lost), skipped=tuple(skipped)
    )


def refuse_full(folder: Path, needed: int) -> None:
    """Raise DoesNotFit unless so many bytes can be written there."""
    place = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(place).free
    if free < needed + _ROOM:
        raise DoesNotFit(
            f"the copy takes {needed >> 20} MiB, and only {free >> 20} MiB are free at {place}",
            hint="free some space, or set sillytavern.data in stack.toml to a folder on another disk",
        )


def copy(trees: Iterable[Tree], into: Path, owner: Owner, says: Callable[[str], None]) -> dict[str, str]:
    """Copy into a folder, times and who may run it kept, and return sha256 by path in the copy.

    On the disk once put() has returned.
    """
    sums: dict[str, str] = {}
    trees = tuple(trees)
    total = sum(leaf.size for tree in trees for leaf in tree.files)
    done = 0
    with explained(into, "written"):
        into.mkdir(parents=True, exist_ok=True)
        for tree in trees:
            for folder in tree.folders:
                (into / folder).mkdir(parents=True, exist_ok=True)
            for leaf in tree.files:
                sums[leaf.target] = copy_file(leaf.source, into / leaf.target, owner)
                done += leaf.size
                says(f"copied {done >> 20} of {total >> 20} MiB")
        own(into, owner)
    return sums


def copy_file(source: Path, target: Path, owner: Owner) -> str:
    """Copy one file's bytes, time and mode; return its sha256."""
    digest = hashlib.sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)  # a link that somebody planted there is not followed
    with source.open("rb") as stream, target.open("xb") as copy:
        os.fchmod(copy.fileno(), 0o600)
        while piece := stream.read(_PIECE):
            digest.update(piece)
            copy.write(piece)
        found = os.fstat(stream.fileno())
        if os.geteuid() == 0:
            os.fchown(copy.fileno(), owner.uid, owner.gid)
        os.fchmod(copy.fileno(), stat.S_IMODE(found.st_mode) & 0o777 | 0o600)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))  # SillyTavern sorts chats by it
    return digest.hexdigest()


def bring(source: Path, target: Path, owner: Owner) -> None:
    """Copy a file to where it is wanted: the old one or the new one, never half of one."""
    with explained(target, "written"):
        missing = [p for p in target.parents if not p.exists()]
        beside = target.with_name(f".{target.name}.{os.getpid()}.new")
        try:
            copy_file(source, beside, owner)
            with beside.open("rb") as stream:
                os.fsync(stream.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
        for folder in missing:
            _give(folder, owner)


def sha256(path: Path) -> str:
    """Of a file's bytes; "" where there is none."""
    with explained(path, "read"):
        if not path.is_file():
            return ""
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


def own(root: Path, owner: Owner) -> None:
    """Give a folder and all its folders to a user who can write there; its files have theirs already."""
    for folder, _, _ in os.walk(root):
        os.chmod(folder, 0o755)  # noqa: S103, PTH101 - as SillyTavern's own image makes them
        _give(Path(folder), owner)


def put(staged: Path, target: Path, aside: Path | None) -> None:
    """Put a folder where `target` is, at one stroke; what was there is at `aside` afterwards (None: nothing was)."""
    with explained(target, "written"):
        os.sync()  # all that was copied is on the disk before a name changes
        if aside is None:
            staged.rename(target)
        else:
            staged.rename(aside)
            exchange(aside, target)
        os.sync()


def take_away(target: Path, before: Path | None) -> Path:
    """Put `before` (None: nothing) where `target` is, at one stroke; return where that is now."""
    with explained(target, "written"):
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
    with explained(folder, "written"):
        if folder.exists():
            shutil.rmtree(folder)


def foreign_system(folder: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """The file system that a folder is on, where it is Windows's or the network's; "" for one of this machine's."""
    best, kind = "", ""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:  # no Linux here
        return ""
    for line in lines:
        place, system = line.split()[1:3]
        place = place.replace("\\040", " ")
        if folder.is_relative_to(place) and len(place) >= len(best):
            best, kind = place, system
    return kind if kind in _FOREIGN else ""


@contextmanager
def explained(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        where = e.filename or path
        raise DataError(
            f"{where} can't be {done}: {e.strerror}",
            hint="check who owns it, and the disk: ls -ld and df -h show that; nothing was changed, run it again",
        ) from e


def _give(folder: Path, owner: Owner) -> None:
    if os.geteuid() == 0:
        os.chown(folder, owner.uid, owner.gid)
