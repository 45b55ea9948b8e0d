"""Open files and folders step by step from the root, so that no user's link leads root to other files.

Every step is one openat() that follows no link. A link is read through a descriptor of the link itself, and followed
only if `follow` allows it: what was checked is what is opened, even if something is renamed meanwhile.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from stackctl.contracts.host import Owner
from stackctl.errors import DataError
from stackctl.terminal import command_line

Follow = Callable[[os.stat_result, os.stat_result], bool]  # (a link, its target): whether it may be followed

READ = os.O_RDONLY
FOLDER = os.O_RDONLY | os.O_DIRECTORY
_PATH = getattr(os, "O_PATH", os.O_RDONLY)  # also opens a folder that may be entered but not listed
_STEP = _PATH | os.O_DIRECTORY
_ALWAYS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # O_NONBLOCK: do not wait for a pipe's writer
_MOST_LINKS = 40  # the limit of Linux itself


def links_for(owner: Owner, *, is_root: bool | None = None) -> Follow:
    """Return which links may be followed in a folder of this owner: all, unless root runs this (`is_root` None: check).

    Root follows a link only if root made it or its target belongs to the owner: a link in another user's folder could
    lead root to any file of this machine.
    """
    if not (os.geteuid() == 0 if is_root is None else is_root):
        return lambda _link, _target: True
    return lambda link, target: link.st_uid == 0 or 0 != owner.uid == target.st_uid


def ground_of(owner: Owner) -> Owner | None:
    """Return the only user in whose folders root writes outside of a stack's own folder; None if there is no limit."""
    return owner if os.geteuid() == 0 and owner.uid != 0 else None


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Which links are followed; below the folder `closed` none is."""

    follow: Follow
    closed: Path | None = None


@contextmanager
def opened(
    path: Path, flags: int, reach: Reach, *, make: Owner | None = None, ground: Owner | None = None
) -> Iterator[int]:
    """Give a descriptor of an absolute path. `make`: the owner of missing folders, which are made (None: none is).

    `ground`: the user in whose folders the path must lie, also to make something there (None: no limit).
    Raises DataError for a link that is not followed and for a path outside the ground, OSError from the system.
    """
    walk = _Walk(reach.follow, ground)
    closed = reach.closed if reach.closed and path.is_relative_to(reach.closed) else None
    inner = path.relative_to(closed).parts if closed else ()
    if ".." in inner:
        raise DataError(f"{path} leads out of {closed}", hint="Name a file below that folder.")
    if closed and inner:
        root = walk.from_root(closed, _STEP, make)
        try:
            descriptor = walk.steps(root, inner, flags, closed, follow=None, make=make)
        finally:
            os.close(root)
    else:
        descriptor = walk.from_root(path, flags, make)
    try:
        walk.refuse_other_ground(path)
        yield descriptor
    finally:
        os.close(descriptor)


def is_ground_of(owner: Owner, path: Path, reach: Reach) -> bool:
    """Return whether root may use a path for this owner: it lies in one of their folders. Other users always may."""
    walk = _Walk(reach.follow, ground_of(owner))
    os.close(walk.from_root(path, READ, None))
    return walk.is_on_ground


@contextmanager
def regular_file(path: Path, reach: Reach) -> Iterator[int]:
    """Give a descriptor to read a file; raise DataError for anything but a regular file, such as a pipe or a device."""
    try:
        with opened(path, READ, reach) as descriptor:
            refuse_irregular(descriptor, path)
            yield descriptor
    except OSError as e:
        if e.errno == errno.ENXIO:  # a socket, or a device without a driver
            raise _irregular(path) from e
        raise


def refuse_irregular(descriptor: int, path: Path) -> None:
    """Raise DataError for anything but a regular file."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise _irregular(path)


def data_extents(descriptor: int) -> Iterator[tuple[int, int]]:
    """Give (begin, end) of a file's data between its holes; the whole file if the holes are unknown."""
    at = 0
    while True:
        try:
            begin = os.lseek(descriptor, at, os.SEEK_DATA)
            end = os.lseek(descriptor, begin, os.SEEK_HOLE)
        except OSError as e:
            if e.errno == errno.ENXIO:  # no more data
                return
            begin, end = at, max(os.fstat(descriptor).st_size, at)  # lseek(2): EINVAL, or a pipe
            if begin == end:
                return
        yield begin, end
        at = end


def _irregular(path: Path) -> DataError:
    return DataError(f"{path} is not a regular file", hint="Move it away: `ls -ld` shows what it is.")


def read_bounded(descriptor: int, path: Path, most: int) -> bytes:
    """Return the bytes of a regular file; raise DataError if there are more than `most`, even if it grows meanwhile."""
    size = os.fstat(descriptor).st_size
    if size <= most:
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            raw = stream.read(most + 1)
        if len(raw) <= most:
            return raw
    raise DataError(
        f"{path} is larger than the {most:,} bytes that are read of it ({max(size, most + 1):,} bytes)",
        hint=f"Move it away if it is not yours: `{command_line('mv', path, f'{path}.large')}`.",
    )


class _Walk:
    """One walk along a path, with a bounded number of links."""

    def __init__(self, follow: Follow, ground: Owner | None) -> None:
        self._follow, self._links = follow, 0
        self._ground, self.is_on_ground = ground, ground is None

    def from_root(self, path: Path, flags: int, make: Owner | None) -> int:
        """Return a descriptor of an absolute path."""
        root = os.open("/", _STEP | os.O_CLOEXEC)
        try:
            return self.steps(root, path.parts[1:], flags, Path("/"), follow=self._follow, make=make)
        finally:
            os.close(root)

    def steps(
        self, start: int, parts: tuple[str, ...], flags: int, place: Path, *, follow: Follow | None, make: Owner | None
    ) -> int:
        """Return a descriptor of the path `parts` below an open folder. `follow` None: no link is followed."""
        at = os.dup(start)
        for number, part in enumerate(parts or (".",), 1):
            wanted = flags if number >= len(parts) else _STEP
            place /= part
            try:
                step = self._step(at, part, wanted, place, follow=follow, make=make)
            finally:
                os.close(at)
            at = step
            if self._ground:  # a user's folder is their ground with all below it, but not what is above it
                is_his = os.fstat(at).st_uid == self._ground.uid
                self.is_on_ground = is_his or (self.is_on_ground and part != "..")
        return at

    def refuse_other_ground(self, path: Path) -> None:
        """Raise DataError if no folder on the way to a path belongs to the user on whose ground it must lie."""
        if self._ground and not self.is_on_ground:
            user, group = self._ground.uid, self._ground.gid
            raise DataError(
                f"{path} is in no folder of user {user}, to whom this stack belongs: root makes and writes nothing "
                "there for them",
                hint=f"Give it to them: `{command_line('sudo', 'install', '-d', '-o', user, '-g', group, path)}`.",
                issue="folder-owner-wrong",
            )

    def _step(self, at: int, name: str, flags: int, place: Path, *, follow: Follow | None, make: Owner | None) -> int:
        try:
            return os.open(name, flags | _ALWAYS, 0o666, dir_fd=at)
        except FileNotFoundError:
            if make is None or not flags & os.O_DIRECTORY:
                raise
            self.refuse_other_ground(place)
            _make(at, name, make)
            return os.open(name, flags | _ALWAYS, dir_fd=at)
        except OSError as e:
            if e.errno not in {errno.ELOOP, errno.ENOTDIR}:
                raise
            link = os.open(name, _PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            try:
                if not stat.S_ISLNK(os.fstat(link).st_mode):
                    raise
                return self._followed(at, link, flags, place, follow)
            finally:
                os.close(link)

    def _followed(self, at: int, link: int, flags: int, place: Path, follow: Follow | None) -> int:
        """Open the target of a link. Nothing is made there, because the link's author would choose the place."""
        if follow is None:
            raise DataError(
                f"{place} is a link, which is not followed here", hint="Put the file or folder itself there."
            )
        self._links += 1
        if self._links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(place))
        found, target, flags = os.fstat(link), Path(os.readlink("", dir_fd=link)), flags & ~os.O_CREAT
        if target.is_absolute():
            reached = self.from_root(target, flags, None)
        else:
            reached = self.steps(at, target.parts, flags, place.parent, follow=follow, make=None)
        if follow(found, os.fstat(reached)):
            return reached
        os.close(reached)
        raise DataError(
            f"{place} is a link that user {found.st_uid} made: root does not follow it to {target}",
            hint=f"Remove the link, or run stackctl as the user {found.st_uid} instead of root.",
            issue="folder-owner-wrong",
        )


def _make(at: int, name: str, owner: Owner) -> None:
    """Make a folder for its owner; one that another process made meanwhile stays as it is."""
    try:
        os.mkdir(name, 0o755, dir_fd=at)
    except FileExistsError:
        return
    if os.geteuid() == 0:
        made = os.open(name, FOLDER | _ALWAYS, dir_fd=at)
        try:
            if os.fstat(made).st_uid == 0:
                with suppress(PermissionError):  # a file system without owners
                    os.fchown(made, owner.uid, owner.gid)
        finally:
            os.close(made)
