"""The files that git tracks. No program that a repository configures is run, because root may look into another's."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path
from threading import Timer
from typing import Any

_MOST = 1 << 20  # bytes of names
_WAIT_S = 10.0
_NOWHERE = "/nonexistent"


def repository(path: Path) -> Path | None:
    """Return the innermost folder around a path that looks like a repository's top; None if there is none."""
    real = Path(os.path.realpath(path))  # git uses the real path, and treats a link as a file
    return next((one for one in (real, *real.parents) if os.path.lexists(one / ".git")), None)


def tracked(
    repository: Path, paths: Iterable[Path], *, within_s: float = _WAIT_S, most: int = _MOST
) -> dict[str, tuple[str, ...]]:
    """Return each path -> the tracked files at or below it, all as the repository names them.

    () if git is missing, refuses the repository, or takes too long. At most `most` bytes of names are read.
    """
    names = [os.path.relpath(os.path.realpath(path), repository) for path in paths]
    files = _listed(repository, names, within_s, most)
    return {name: tuple(file for file in files if Path(file).is_relative_to(name)) for name in names}


def _listed(repository: Path, names: list[str], within_s: float, most: int) -> tuple[str, ...]:
    program = shutil.which("git")
    if program is None:
        return ()
    # so that git starts no file monitor and fetches nothing, whatever the repository configures
    argv = (program, "--literal-pathspecs", "-c", "core.fsmonitor=", "ls-files", "-z", "--", *names)
    try:
        with subprocess.Popen(
            argv,
            cwd=repository,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **_as_owner(repository),
        ) as process:
            assert process.stdout is not None  # noqa: S101 - it is piped
            timer = Timer(within_s, os.killpg, (process.pid, signal.SIGKILL))
            timer.start()
            try:
                raw = process.stdout.read(most)
            finally:
                timer.cancel()
                os.killpg(process.pid, signal.SIGKILL)
    except OSError:  # the repository is gone, or its owner may not run git
        return ()
    return tuple(os.fsdecode(name) for name in raw.split(b"\0")[:-1])


def _as_owner(repository: Path) -> dict[str, Any]:
    """Return git's user and environment: under root git runs as the repository's owner, who may do anything there."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    closed = {"GIT_ALLOW_PROTOCOL": "", "GIT_OPTIONAL_LOCKS": "0"}
    if os.geteuid() != 0:
        return {"env": environment | closed}
    owner = (repository / ".git").lstat()
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": _NOWHERE, "XDG_CONFIG_HOME": _NOWHERE}
    return {"env": environment | closed, "user": owner.st_uid, "group": owner.st_gid, "extra_groups": ()}
