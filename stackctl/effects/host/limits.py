"""The system's limits for this process and its children: `ulimit`, as a shell, a service or a CI job sets it."""

import errno
import resource
from collections.abc import Callable
from typing import Final

from stackctl.errors import DoesNotFit

# (the limit, its name, the least value with which Docker's programs work, the command that lifts it)
# Go reserves addresses by the GiB, and needs threads
_LIMITS: Final = (
    (resource.RLIMIT_AS, "address space", 4 << 30, "ulimit -v unlimited"),
    (resource.RLIMIT_DATA, "data", 4 << 30, "ulimit -d unlimited"),
    (resource.RLIMIT_NPROC, "processes and threads", 256, "ulimit -u 4096"),
    (resource.RLIMIT_NOFILE, "open files", 64, "ulimit -n 1024"),
)
_SHORT_OF: Final = {errno.EMFILE: "open files", errno.ENFILE: "open files", errno.EAGAIN: "processes and threads"}


def tight_limits(of: Callable[[int], tuple[int, int]] = resource.getrlimit) -> tuple[str, str]:
    """Return (the limits that are too low for programs, the commands that lift them) as texts; "" for none."""
    found = []
    for number, name, least, lift in _LIMITS:
        soft = of(number)[0]
        if soft != resource.RLIM_INFINITY and soft < least:
            amount = f"{soft >> 20} MiB of {name}" if least > 1 << 20 else f"{soft} {name}"
            found.append((amount, lift))
    return ", ".join(one for one, _ in found), "; ".join(lift for _, lift in found)


def shortage(error: BaseException) -> DoesNotFit | None:
    """Return the error to show for one that means that a system limit is reached; None for any other."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        what = "memory"
    elif isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        what = "threads"
    elif isinstance(error, OSError) and error.errno in _SHORT_OF:
        what = _SHORT_OF[error.errno]
    else:
        return None
    limits, lift = tight_limits()
    return DoesNotFit(
        f"the system gives stackctl no more {what}{f': it is limited to {limits}' if limits else ''}",
        hint=f"Lift the limit in this shell with `{lift}`, then run this again."
        if lift
        else "End what takes so much of it (`ps aux` shows that), then run this again.",
        issue="limits-too-small",
    )
