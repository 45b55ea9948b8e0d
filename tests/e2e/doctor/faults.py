"""Lets the doctor look at a machine on which a fault was planted: in namespaces of its own, or as another user."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pwd import getpwnam
from types import MappingProxyType
from typing import Any

from tests.e2e.conftest import ROOT

# root's Python may lie where others may not look; a socket is written to, which this does not allow
_READS = "+dac_read_search"
NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Seen:
    """What `stackctl doctor --json` found, and how long it took from its start to its end."""

    code: int
    seconds: float
    values: dict[str, Any]
    said: str  # on stderr

    @property
    def issues(self) -> tuple[str, ...]:
        """The ids of the issues that are there, the worst first."""
        return tuple(one["issue"] for one in self.values["findings"])

    @property
    def first(self) -> str:
        """The id of the first one; "" if nothing is wrong."""
        return next(iter(self.issues), "")

    @property
    def failures(self) -> tuple[str, ...]:
        return tuple(one["issue"] for one in self.values["findings"] if one["severity"] == "failure")

    def finding(self, issue: str) -> dict[str, Any]:
        found: dict[str, Any] = next(one for one in self.values["findings"] if one["issue"] == issue)
        return found

    def state(self, check: str) -> str:
        """How a check ended: passed, warned, failed, not_tried."""
        return str(next(one["state"] for one in self.values["checks"] if one["name"] == check))


def argv(*words: str) -> tuple[str, ...]:
    """The command line of this checkout's stackctl, which needs no installation."""
    return (sys.executable, "-P", "-m", "stackctl", *words)


def doctor(
    folder: Path,
    *words: str,
    setup: str = "",
    namespaces: str = "mount",
    user: str = "",
    environment: Mapping[str, str] = NONE,
    inside: int = 0,
    timeout: float = 60,
) -> Seen:
    """Run the doctor in a folder, and return what it found.

    setup: a shell script that plants the fault first, in own namespaces: words for unshare, as "mount net", whose
    changes end with it. inside: a process whose network and mounts it has, instead of those of the machine; a setup
    without namespaces then changes those. user: the name of another user, who runs it. environment: more
    variables; "" removes one.
    """
    run = argv("-C", str(folder), "doctor", "--json", *words)
    if user:
        uid, gid = str(getpwnam(user).pw_uid), str(getpwnam(user).pw_gid)
        become = ("--reuid", uid, "--regid", gid, "--init-groups")
        run = ("setpriv", *become, "--inh-caps", _READS, "--ambient-caps", _READS, *run)
    if setup:
        own = tuple(f"--{one}" for one in namespaces.split())
        new = ("unshare", *own, "--propagation", "private") if own else ()
        run = (*new, "sh", "-c", f"set -e\n{setup}\nexec {shlex.join(run)}")
    if inside:
        run = ("nsenter", "--target", str(inside), "--mount", "--net", *run)
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    began = time.monotonic()
    done = subprocess.run(
        run,
        env={name: value for name, value in variables.items() if value},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    seconds = time.monotonic() - began
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout, f"exit {done.returncode}: {done.stderr}"
    return Seen(done.returncode, seconds, json.loads(done.stdout), done.stderr)
