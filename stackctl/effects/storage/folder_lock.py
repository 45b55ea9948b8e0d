"""The lock of a deployment's folder, which the system releases whenever its process ends.

It is a flock, as in the library filelock, which can't open a file relative to a descriptor.
"""

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import Protocol

from stackctl.errors import DataError, EngineError
from stackctl.terminal import command_line

WAIT_S = 600
_PAUSE_S = 0.2


class Says(Protocol):
    """Prints a short note for the user."""

    def __call__(self, text: str) -> None: ...


def opened(folder: int, path: Path) -> int:
    """Open the lock's file, or make it; raise DataError if something else has its name."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        lock = os.open(path.name, flags, 0o644, dir_fd=folder)
        if stat.S_ISREG(os.fstat(lock).st_mode):
            return lock
        os.close(lock)
    except OSError as e:
        if e.errno not in {errno.ELOOP, errno.EISDIR, errno.ENXIO}:  # a link, a folder, a socket
            raise
    raise DataError(
        f"{path} is a link, or is not a regular file",
        hint=f"Remove it with `{command_line('rm', '-r', path)}`: stackctl makes its own file there.",
    )


def take(lock: int, path: Path, says: Says, wait_s: float) -> None:
    """Take the lock, or wait until another process releases it; raise EngineError if that takes too long."""
    if _is_taken(lock):
        return
    import tenacity

    who = f"another stackctl (process {os.pread(lock, 20, 0).decode(errors='replace').strip() or '?'})"
    says(f"{who} is at work in this folder; waiting for it to finish")
    try:
        tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda is_ours: not is_ours),
            stop=tenacity.stop_after_delay(wait_s),
            wait=tenacity.wait_fixed(_PAUSE_S),
        )(_is_taken, lock)
    except tenacity.RetryError as e:
        raise EngineError(
            f"{who} still holds {path.parents[1]}",
            hint="Wait for it or end it, then run this again.",
            issue="another-stackctl-runs",
        ) from e


def note(lock: int) -> None:
    """Write this process's id into the lock's file."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)


def _is_taken(lock: int) -> bool:
    """Take the lock; return False if another process has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
