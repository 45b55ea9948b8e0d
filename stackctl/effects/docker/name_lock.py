"""A lock on a stack's name on an engine: one process of this machine holds it, for whichever folder and user.

The lock is a unix socket without a file (Linux: unix(7), abstract), which ends with its process in any case. On other
systems only the labels of the engine's containers keep two folders apart.
"""

import errno
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Final

from stackctl.errors import EngineError

WAIT_S: Final = 600
_PAUSE_S: Final = 0.2


@contextmanager
def held(engine: str, project: str, says: Callable[[str], None], *, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold a project's name on an engine, by its id. Calls `says` to wait; raises EngineError after `wait_s`."""
    if sys.platform != "linux":
        yield
        return
    mark = sha256(f"{engine}/{project}".encode()).hexdigest()[:32]
    with socket.socket(socket.AF_UNIX) as lock:
        if not _is_taken(lock, mark):
            _wait(lock, mark, project, says, wait_s)
        yield


def _wait(lock: socket.socket, mark: str, project: str, says: Callable[[str], None], wait_s: float) -> None:
    import tenacity

    says(f"another stackctl is starting a stack named {project!r}; waiting for it to finish")
    try:
        tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda is_ours: not is_ours),
            stop=tenacity.stop_after_delay(wait_s),
            wait=tenacity.wait_fixed(_PAUSE_S),
        )(_is_taken, lock, mark)
    except tenacity.RetryError as e:
        raise EngineError(
            f"another stackctl is still starting a stack named {project!r}",
            hint="Wait for it or end it, then run this again.",
            issue="another-stackctl-runs",
        ) from e


def _is_taken(lock: socket.socket, mark: str) -> bool:
    """Take the name; return False if another process has it."""
    try:
        lock.bind(f"\0stackctl-{mark}")
    except OSError as e:
        if e.errno != errno.EADDRINUSE:
            raise
        return False
    return True
