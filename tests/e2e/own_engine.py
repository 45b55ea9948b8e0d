"""A Docker Engine of a test's own, beside the main one, by images/engine/engine.py; it needs root on Debian."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT

PROGRAM = (sys.executable, str(ROOT / "images" / "engine" / "engine.py"))
OFFLOADS = "localhost/stackctl/offloads:1"  # a stand-in for an image with CUDA: tests/standins/offloads.sh
IMAGES = ("localhost/stackctl/llamacpp:debian", "localhost/stackctl/sillytavern:1.19.0")


@dataclass(frozen=True)
class OwnEngine:
    """An engine in a folder of its own, and the options that it was started with."""

    root: Path
    options: tuple[str, ...]

    @cached_property
    def environment(self) -> dict[str, str]:
        """What makes docker, Compose and stackctl use it."""
        lines = call("env", "--dir", str(self.root)).splitlines()
        pairs = (line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))
        found = {key: value for key, value in pairs if key != "PATH"}
        path = f"{self.root / 'client'}:{os.environ['PATH']}"
        return {**{key: shlex.split(value)[0] for key, value in found.items()}, "PATH": path}

    @property
    def pid(self) -> int:
        run = Path(self.environment["DOCKER_HOST"].removeprefix("unix://")).parent
        return int((run / "docker.pid").read_text())

    def up(self) -> None:
        call("up", "--yes", "--dir", str(self.root), *self.options)

    def restart(self) -> None:
        """As `systemctl restart docker` or a reboot does it: the daemon is ended, its containers with it."""
        pid = self.pid
        os.kill(pid, signal.SIGTERM)
        until(lambda: not runs(pid), 60, f"dockerd {pid} goes on")
        self.up()

    def docker(self, *words: str) -> str:
        environment = {**os.environ, **self.environment}
        done = subprocess.run(["docker", *words], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
        return done.stdout

    def load(self, *images: str) -> None:
        """Bring images over from the main engine."""
        environment = {**os.environ, **self.environment}
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as save:
            load = ["docker", "load", "-q"]
            done = subprocess.run(load, stdin=save.stdout, env=environment, capture_output=True, text=True, check=False)
        assert (save.returncode, done.returncode) == (0, 0), done.stderr


def add_offloads(docker: Callable[..., str]) -> None:
    """Have the image OFFLOADS: a backend that reports its layers on a GPU, which ours for the CPU can't do.

    docker: runs a command of docker on an engine that has our images.
    """
    container = docker("create", IMAGES[0]).strip()
    docker("cp", str(ROOT / "tests" / "standins" / "offloads.sh"), f"{container}:/app/offloads")
    docker("commit", "--change", 'ENTRYPOINT ["/app/offloads"]', container, OFFLOADS)
    docker("rm", container)


@contextmanager
def own_engine(root: Path, *options: str, images: tuple[str, ...] = IMAGES) -> Iterator[OwnEngine]:
    """Start an engine with these images in it; remove it without a trace."""
    engine = OwnEngine(root, options)
    try:
        engine.up()
        engine.load(*images)
        yield engine
    finally:
        call("down", "--dir", str(root))
    assert not root.exists()


def call(*words: str) -> str:
    """Run engine.py; a failure fails the test with its own words."""
    done = subprocess.run([*PROGRAM, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"engine.py {' '.join(words)}: exit {done.returncode}\n{done.stderr}", pytrace=False)
    return done.stdout


def engine_host() -> str:
    """The address of the main engine, by DOCKER_HOST or by the current context."""
    if "DOCKER_HOST" in os.environ:
        return os.environ["DOCKER_HOST"]
    argv = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def runs(pid: int) -> bool:
    try:
        Path(f"/proc/{pid}/exe").readlink()
    except OSError:  # it has gone, or waits to be reaped
        return False
    return True


def until(holds: Callable[[], object], seconds: float, otherwise: str) -> None:
    """Wait until something holds; fail after that time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{otherwise} after {seconds:.0f} s"
        time.sleep(0.1)
