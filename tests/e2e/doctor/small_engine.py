"""An engine in its own network and with its own mounts: what a test breaks there ends with it. It starts in 2 s."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from stackctl.core.doctor.servers import NO_TIME
from stackctl.steps.doctor.run_checks import LATE
from tests.e2e.doctor.faults import NONE, Seen, doctor
from tests.e2e.own_engine import engine_host, runs, until

# the model hub is not asked, so that a test without a network is no fault that a test did not plant
OFFLINE: Mapping[str, str] = {"HF_HUB_OFFLINE": "1"}
_TRIES = 6
_DISK = "size=3g,nr_inodes=200k"


@dataclass(frozen=True)
class SmallEngine:
    """The engine's folder and process."""

    root: Path
    pid: int
    path: str  # PATH with its programs

    @property
    def environment(self) -> dict[str, str]:
        return {**OFFLINE, "DOCKER_HOST": f"unix://{self.root}/docker.sock", "PATH": self.path}

    @property
    def data(self) -> Path:
        return self.root / "data"

    def sh(self, script: str) -> str:
        """Run a shell script in its network, with its mounts."""
        argv = ["nsenter", "--target", str(self.pid), "--mount", "--net", "sh", "-ec", script]
        done = subprocess.run(argv, env={**os.environ, **self.environment}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{script}: {done.stderr}"
        return done.stdout

    @contextmanager
    def broken(self, script: str, repair: str) -> Iterator[None]:
        """Break something there, and repair it at the end."""
        self.sh(script)
        try:
            yield
        finally:
            self.sh(repair)

    def doctor(
        self, folder: Path, *words: str, setup: str = "", user: str = "", environment: Mapping[str, str] = NONE
    ) -> Seen:
        """Let the doctor look there; a setup is for it alone, not for the engine."""
        variables = {**self.environment, **environment}
        namespaces = "mount" if setup else ""
        inside = partial(doctor, inside=self.pid, namespaces=namespaces, environment=variables)
        return patiently(lambda: inside(folder, *words, setup=setup, user=user))


def patiently(look: Callable[[], Seen]) -> Seen:
    """Let the doctor look again while some checks do not end in time, which it says, as on a busy machine."""
    seen = look()
    for _ in range(_TRIES):
        if not any(one["message"] in {LATE, NO_TIME} for one in seen.values["checks"]):
            break
        seen = look()
    return seen


@contextmanager
def small_engine(root: Path, **settings: object) -> Iterator[SmallEngine]:
    """Start an engine with these settings of daemon.json, whose data lie on a small disk in memory."""
    own = Path(engine_host().removeprefix("unix://")).parent.parent / "bin"
    path = f"{own}:{os.environ['PATH']}:/usr/sbin:/sbin" if own.is_dir() else f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if not shutil.which("dockerd", path=path):
        pytest.fail("these tests start an engine of their own (dockerd)", pytrace=False)
    (root / "data").mkdir(parents=True)
    config = {
        "data-root": f"{root}/data",
        "exec-root": f"{root}/exec",
        "pidfile": f"{root}/pid",
        "hosts": [f"unix://{root}/docker.sock"],
        "bridge": "none",
        **settings,
    }
    (root / "daemon.json").write_text(json.dumps(config))
    mount = f"mount -t tmpfs -o {_DISK} tmpfs {root}/data"
    script = f"{mount} && ip link set lo up && exec dockerd --config-file {root}/daemon.json"
    argv = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", script]
    with (root / "log").open("w") as log:
        process = subprocess.Popen(argv, env={**os.environ, "PATH": path}, stdout=log, stderr=log)
    try:
        until(lambda: "API listen on" in (root / "log").read_text() or process.poll() is not None, 60, "no engine")
        assert process.poll() is None, (root / "log").read_text()[-2000:]
        yield SmallEngine(root, process.pid, path)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        assert not runs(process.pid)
