"""Other engines of the tests' own, each in a container of the main one: Podman, and a rootless Docker.

Such an engine has a network of its own, so that nothing of it touches the host's rules; a stackctl that is to reach
what it publishes runs in that network, by `nsenter`. It sees the folders of the host that it is to mount.
"""

import json
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tests.e2e.conftest import Stack
from tests.e2e.own_engine import IMAGES, until

Kind = Literal["podman", "podman rootless", "rootless", "newer"]
IMAGE: Final = "stackctl-test/engines:1"
NEWER: Final = "stackctl-test/newer-engine:1"
USER = 1000  # of its containers' files on this machine, where the engine is rootless


@dataclass(frozen=True)
class ContainedEngine:
    """An engine in a container. `place`: a folder that it sees under the same name; `up_s`: how long it took."""

    place: Path
    container: str
    up_s: float

    @property
    def socket(self) -> Path:
        return self.place / "run" / "engine.sock"

    @property
    def environment(self) -> dict[str, str]:
        return {"DOCKER_HOST": f"unix://{self.socket}"}

    def docker(self, *words: str) -> str:
        return run(*words, **self.environment)

    def stack(self, name: str, installed: Path) -> Stack:
        """An empty deployment folder of the user's, and a stackctl in the engine's own network."""
        folder = self.place / name
        folder.mkdir()
        os.chown(folder, USER, USER)
        pid = run("inspect", "--format", "{{.State.Pid}}", self.container)
        program = self.place / f"{name}-stackctl"
        program.write_text(f'#!/bin/sh\nexec nsenter --target {pid} --net {shlex.quote(str(installed))} "$@"\n')
        program.chmod(0o755)
        data = str(self.place / "data")
        return Stack(folder=folder, program=program, environment={**self.environment, "XDG_DATA_HOME": data})

    def load(self, *images: str) -> None:
        """Bring images over from the main engine."""
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as save:
            environment = {**os.environ, **self.environment}
            load = ["docker", "load", "-q"]
            done = subprocess.run(load, stdin=save.stdout, env=environment, capture_output=True, text=True, check=False)
        assert (save.returncode, done.returncode) == (0, 0), done.stderr


def run(*words: str, **environment: str) -> str:
    """What the docker command says; of the main engine, or by the environment of another."""
    done = subprocess.run(
        ["docker", *words], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def build(image: str = IMAGE) -> None:
    """Build the image of these engines, or that of a Docker Engine newer than Debian's: quick the second time."""
    folder = Path(__file__).parent / ("newer" if image == NEWER else "")
    ca = os.environ.get("SSL_CERT_FILE")
    secret = ["--secret", f"id=ca,src={ca}"] if ca else []
    run("build", "-q", "-t", image, *secret, str(folder), DOCKER_BUILDKIT="1")


@contextmanager
def contained_engine(kind: Kind, *options: str, images: tuple[str, ...] = IMAGES) -> Iterator[ContainedEngine]:
    """Start an engine with these images in it; remove it without a trace. `options`: of `docker run`."""
    image = NEWER if kind == "newer" else IMAGE
    build(image)
    place = Path(tempfile.mkdtemp(prefix="t-engine-", dir="/tmp"))
    container = ""
    try:
        place.chmod(0o755)
        (place / "run").mkdir()
        os.chown(place / "run", USER, USER)
        began = time.monotonic()
        words = ("--init", "--privileged", "--volume", f"{place}:{place}", *options)
        program, *rootless = f"start-{kind}".split()
        container = run("run", "--detach", *words, image, program, str(place / "run" / "engine.sock"), *rootless)
        engine = ContainedEngine(place, container, 0.0)
        until(lambda: _answers(engine), 60, f"{kind} does not answer:\n{run('logs', container)}")
        engine = ContainedEngine(place, container, time.monotonic() - began)
        engine.load(*images)
        yield engine
    finally:
        if container:
            run("rm", "--force", "--volumes", container)
        shutil.rmtree(place)


def _answers(engine: ContainedEngine) -> bool:
    if not engine.socket.exists():
        return False
    environment = {**os.environ, **engine.environment}
    info = ["docker", "info", "--format", "{{json .ServerVersion}}"]
    done = subprocess.run(info, env=environment, capture_output=True, text=True, check=False)
    return done.returncode == 0 and bool(json.loads(done.stdout or '""'))
