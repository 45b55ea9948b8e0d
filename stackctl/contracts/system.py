"""What this machine's operating system says of itself, as plain values."""

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A program that was run. code: -1 if it could not be started, or did not end in time (is_late)."""

    code: int
    out: str = ""
    err: str = ""
    is_late: bool = False


@dataclass(frozen=True, kw_only=True)
class Written:
    """A file that was written: its path without links, and that of the former one's copy, None if there was none."""

    path: PurePosixPath
    copy: PurePosixPath | None = None


@dataclass(frozen=True, kw_only=True)
class DiskUse:
    """The file system that holds a path. inodes: 0 where it has no fixed number of them."""

    total_mib: int
    free_mib: int  # for users that are not root
    inodes: int
    free_inodes: int
    file_system: str = ""  # ext4, nfs4, ...; "" if unknown
    mount_point: str = ""
    source: str = ""  # the device or share that is mounted there
    device: str = ""  # its numbers, as 254:1
    is_read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A server that was asked by HTTPS. failure: "", or why no answer came: name, refused, timeout, tls, unasked, ...

    status: of HTTP; ahead_s: how far this machine's clock is ahead of the server's, None if that did not tell the time;
    says: the error's words; proxy: host:port of the proxy that was asked.
    """

    failure: str = ""
    status: int = 0
    ahead_s: float | None = None
    says: str = ""
    proxy: str = ""


@dataclass(frozen=True, kw_only=True)
class User:
    """The user that stackctl runs as. groups: those of this process, which a login sets, by name."""

    name: str
    uid: int
    home: str = ""
    groups: tuple[str, ...] = ()
    listed_groups: tuple[str, ...] = ()  # those that the next login will have
