"""A machine of a test's own: a mount namespace with its own /run, /etc/docker, /etc/cdi and a Docker as its service.

The Docker is the one of the test's engine, started by a script of System V as it would be on a machine without systemd.
It needs no image but one that is made here, and no network.
"""

import io
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from stackctl.steps.doctor.run_checks import LATE
from tests.e2e.conftest import ROOT
from tests.e2e.doctor.faults import NONE, Seen, argv
from tests.e2e.own_engine import engine_host

PLACES: Final = {"run": "/run", "etc": "/etc/docker", "cdi": "/etc/cdi", "init": "/etc/init.d"}
_MOST_LOOKS: Final = 5
IMAGE: Final = "stackctl-test-pause"
# the start is over when the engine answers, and the stop when it has gone
_SCRIPT: Final = """#!/bin/sh
### BEGIN INIT INFO
# Provides: docker
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
wait_until() { i=0; until eval "$1" || [ $i -ge 400 ]; do sleep 0.1; i=$((i+1)); done; }
case $1 in
start) PATH={path}:$PATH dockerd >>{log} 2>&1 </dev/null & wait_until "[ -S /run/docker.sock ]" ;;
stop) [ -e /run/docker.pid ] && kill "$(cat /run/docker.pid)"; wait_until "! [ -e /run/docker.pid ]" ;;
restart) "$0" stop; "$0" start ;;
esac
"""
_PAUSE: Final = """
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
static void end(int signal) { (void)signal; _exit(0); }
int main(void) { signal(SIGTERM, end); for (;;) pause(); }
"""


@dataclass(frozen=True)
class Guest:
    """The machine; folder: where its files lie; pid: of the process that holds its namespace."""

    folder: Path
    pid: int
    environment: Mapping[str, str]

    @property
    def config(self) -> Path:
        """The engine's configuration file, as it is seen from outside."""
        return self.folder / "etc" / "daemon.json"

    def configure(self, settings: str) -> None:
        """Write the engine's configuration: these lines, and what it needs to run here."""
        needs = {
            "data-root": str(self.folder / "data"),
            "exec-root": "/run/exec",  # the path of a socket must be short
            "bridge": "none",
            "iptables": False,
            "ip6tables": False,
            "cgroup-parent": f"/stackctl-doctor-{self.pid}",
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
        }
        lines = "".join(f"\t{json.dumps(key)}:  {json.dumps(value)},\n" for key, value in needs.items())
        self.config.write_text(f"{{\n{lines}{settings}\n}}\n")

    def call(self, *words: str, **how: Any) -> "subprocess.CompletedProcess[str]":
        run = ("nsenter", "--target", str(self.pid), "--mount", "--", *words)
        how = {"stdin": subprocess.DEVNULL, "env": dict(self.environment), **how}
        return subprocess.run(run, capture_output=True, text=True, check=False, timeout=120, **how)

    def run(self, *words: str) -> str:
        done = self.call(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def shell(self, *commands: str) -> None:
        """Run commands as a user copies them."""
        for one in commands:
            self.run("sh", "-c", one)

    def doctor(self, *words: str, environment: Mapping[str, str] = NONE) -> Seen:
        """Let the doctor look, in an empty folder, and return what it found.

        A machine that is busy with other tests is looked at again where that kept a check from its end.
        """
        looks = 1
        seen = self._doctor(*words, environment=environment)
        while not _is_whole(seen, words) and looks < _MOST_LOOKS:
            looks += 1
            seen = self._doctor(*words, environment=environment)
        return seen

    def _doctor(self, *words: str, environment: Mapping[str, str]) -> Seen:
        (place := self.folder / "stack").mkdir(exist_ok=True)
        began = time.monotonic()
        done = self.call(*argv("-C", str(place), "doctor", "--json", *words), env={**self.environment, **environment})
        seconds = time.monotonic() - began
        assert "Traceback" not in done.stderr, done.stderr
        assert done.stdout, f"exit {done.returncode}: {done.stderr}"
        return Seen(done.returncode, seconds, json.loads(done.stdout), done.stderr)

    def add_image(self) -> None:
        """Give the engine an image whose program waits until it is ended."""
        source, program = self.folder / "pause.c", self.folder / "pause"
        source.write_text(_PAUSE)
        subprocess.run(("cc", "-static", "-o", str(program), str(source)), check=True)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(program, "pause")
        (self.folder / "image.tar").write_bytes(archive.getvalue())
        self.run("docker", "import", str(self.folder / "image.tar"), IMAGE)

    def start_container(self, name: str, *options: str) -> None:
        self.run("docker", "run", "-d", "--network", "none", "--name", name, *options, IMAGE, "/pause")


def _is_whole(seen: Seen, words: tuple[str, ...]) -> bool:
    """Return whether every check ended in time; with --fix, whether one found what it is to repair, too."""
    if "--fix" in words and seen.values["repairs"]:
        return True  # a second one would not show this repair
    return not any(one["message"] == LATE for one in seen.values["checks"])


@contextmanager
def guest(folder: Path) -> Iterator[Guest]:
    """Make the machine; its engine is not started. Everything ends with it."""
    programs = _engine_programs()
    for name in (*PLACES, "data"):
        (folder / name).mkdir(parents=True)
    script = folder / "init" / "docker"
    script.write_text(_SCRIPT.replace("{path}", str(programs)).replace("{log}", str(folder / "dockerd.log")))
    script.chmod(0o755)
    binds = "\n".join(f"mkdir -p {place}; mount --bind {folder / name} {place}" for name, place in PLACES.items())
    hold = f"set -e\n{binds}\necho ready\nexec sleep infinity"
    holder = subprocess.Popen(
        ("unshare", "--mount", "--propagation", "private", "sh", "-c", hold), stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    try:
        assert holder.stdout.readline() == "ready\n"
        yield Guest(folder, holder.pid, _environment(programs))
    finally:
        try:
            _stop_engine(folder)
        finally:
            holder.kill()
            holder.wait()
            holder.stdout.close()


def _environment(programs: Path) -> dict[str, str]:
    """What is set there: no other engine, and the programs of this one. Compose is one of the client's plugins."""
    hidden = {"DOCKER_HOST", "DOCKER_CONTEXT"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


def _engine_programs() -> Path:
    """The folder of dockerd: the one of the test's engine, or the machine's."""
    private = Path(engine_host().removeprefix("unix://")).parents[1] / "bin"
    if (private / "dockerd").exists():
        return private
    found = shutil.which("dockerd")
    if not found:
        pytest.fail("these tests need dockerd on this machine", pytrace=False)
    return Path(found).parent


def _stop_engine(folder: Path) -> None:
    """End the engine of a machine, and wait for that."""
    pid_file = folder / "run" / "docker.pid"
    if pid_file.exists():
        os.kill(int(pid_file.read_text()), 15)
    until = time.monotonic() + 30
    while pid_file.exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not pid_file.exists(), (folder / "dockerd.log").read_text()[-2000:]
