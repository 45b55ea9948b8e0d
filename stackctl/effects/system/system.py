"""The port to the operating system, of the machine that we run on."""

import grp
import os
import platform
import pwd
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from stackctl.contracts.system import DiskUse, Ran, Reached, User, Written
from stackctl.effects.system import installer, programs, servers
from stackctl.effects.system.mounts import mount_of

_MOST: Final = 1 << 20  # bytes of one file
_MIB: Final = 1 << 20


class ThisSystem:
    """The operating system that we run on."""

    def text(self, path: PurePosixPath, *, most: int = _MOST) -> str | None:
        """Return a file's text, at most so many bytes of it; None if it can't be read, or is no usual file."""
        place = Path(path)
        with suppress(OSError, ValueError):
            if place.is_file():
                with place.open("rb") as file:
                    return file.read(most).decode(errors="replace")
        return None

    def names(self, folder: PurePosixPath) -> tuple[str, ...]:
        """Return the names of what a folder contains, sorted; () if it can't be read."""
        with suppress(OSError):
            return tuple(sorted(os.listdir(folder)))  # noqa: PTH208 - names alone
        return ()

    def exists(self, path: PurePosixPath) -> bool:
        with suppress(OSError):
            return Path(path).exists()
        return False

    def modified(self, path: PurePosixPath) -> float:
        """Return when a file was last written, in seconds since 1970; 0.0 if that can't be read."""
        with suppress(OSError):
            return Path(path).stat().st_mtime
        return 0.0

    def program(self, name: str) -> str:
        """Return the path of a program; "" if there is none."""
        return programs.find(name)

    def ask(self, argv: tuple[str, ...], *, within_s: float = 1.0) -> Ran:
        """Run a program that only looks."""
        return programs.ask(argv, within_s)

    def run(self, argv: tuple[str, ...], *, needs_root: bool) -> Ran:
        """Run a program that changes something, at the terminal."""
        return programs.run(argv, needs_root=needs_root)

    def write(self, path: PurePosixPath, text: str, *, needs_root: bool, validate: tuple[str, ...] = ()) -> Written:
        """Write a file whole or not at all, after a copy of the former one was put beside it."""
        return programs.write(path, text, needs_root=needs_root, validate=validate)

    def copy_aside(self, path: PurePosixPath, *, needs_root: bool) -> PurePosixPath:
        """Put a copy of a file beside it, and return its path."""
        return programs.copy_aside(path, needs_root=needs_root)

    def disk(self, path: PurePosixPath) -> DiskUse | None:
        """Return the room of the file system that holds a path, or would; None if that can't be read."""
        with suppress(OSError):
            place = _nearest(path)
            seen, mounted = os.statvfs(place), mount_of(place)
            return DiskUse(
                total_mib=seen.f_blocks * seen.f_frsize // _MIB,
                free_mib=seen.f_bavail * seen.f_frsize // _MIB,
                inodes=seen.f_files,
                free_inodes=seen.f_favail,
                file_system=mounted.kind if mounted else "",
                mount_point=mounted.point if mounted else "",
                source=mounted.source if mounted else "",
                device=mounted.device if mounted else "",
                is_read_only=bool(seen.f_flag & os.ST_RDONLY),
            )
        return None

    def identity(self, path: PurePosixPath) -> tuple[int, int] | None:
        """Return the device and number of a file or folder, of a link's target; None if that can't be read."""
        with suppress(OSError, ValueError):
            seen = Path(path).stat()
            return seen.st_dev, seen.st_ino
        return None

    def may_write(self, folder: PurePosixPath) -> bool:
        """Return whether we may put files into a folder, or into the nearest one above it that exists."""
        with suppress(OSError):
            return os.access(_nearest(folder), os.W_OK | os.X_OK, effective_ids=True)
        return False

    def resolve(self, name: str, *, within_s: float = 1.5) -> str:
        """Return "" if a name has an address, else why it has none."""
        return servers.resolve(name, within_s)

    def proxy(self, url: str) -> str:
        """Return the host:port of the environment's proxy for a URL; "" for none."""
        return servers.proxy_for(url)

    def reach(self, url: str, *, within_s: float = 1.5) -> Reached:
        """Ask a server for its headers alone, by the environment's proxy."""
        return servers.reach(url, within_s)

    def user(self) -> User:
        """Return the user that we run as."""
        uid = os.geteuid()
        name, home, listed = str(uid), os.environ.get("HOME", ""), [*os.getgroups(), os.getegid()]
        with suppress(KeyError):
            found = pwd.getpwuid(uid)
            name, home = found.pw_name, home or found.pw_dir
            listed = os.getgrouplist(name, found.pw_gid)
        return User(
            name=name,
            uid=uid,
            home=home,
            groups=_group_names([*os.getgroups(), os.getegid()]),
            listed_groups=_group_names(listed),
        )

    def temporary(self) -> PurePosixPath:
        """Return the folder for temporary files."""
        return PurePosixPath(tempfile.gettempdir())

    def installer(self) -> tuple[str, ...]:
        """Return the command line that removes stackctl itself."""
        return installer.removal(Path(sys.prefix), sys.executable, is_venv=sys.prefix != sys.base_prefix)

    def environment(self) -> Mapping[str, str]:
        """Return this process's environment."""
        return os.environ

    def kernel(self) -> str:
        """Return the version of the kernel that runs."""
        return platform.release()

    def architecture(self) -> str:
        """Return the processor's kind, such as x86_64 or aarch64."""
        return platform.machine()

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def age_s(self) -> float:
        """Return how long this program has run; what the processor has computed of it, where the system tells no more.

        https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (starttime, the 22nd field, since the boot)
        """
        with suppress(OSError, ValueError, IndexError, AttributeError):
            fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
            started_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
            return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started_s)
        return time.process_time()


def _nearest(path: PurePosixPath) -> Path:
    place = Path(path)
    return next(one for one in (place, *place.parents) if one.exists())


def _group_names(ids: list[int]) -> tuple[str, ...]:
    found = []
    for one in dict.fromkeys(ids):
        with suppress(KeyError):
            found.append(grp.getgrgid(one).gr_name)
    return tuple(found)
