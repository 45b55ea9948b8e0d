"""The real engine, and stackctl as a user has it: installed from its wheel."""

import json
import os
import socket
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from stackctl.core.config import several_models, stack_toml
from stackctl.errors import ConfigError
from tests.standins import build

ROOT = Path(__file__).parents[2]
ARTEFACTS = Path(os.environ.get("STACKCTL_ARTEFACTS", ROOT / ".artefacts"))


def free_port() -> int:
    """A port that nobody else will choose meanwhile: out of the range that `auto` takes."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
    return port


@dataclass
class Stack:
    """A deployment folder, and the installed stackctl that works in it."""

    folder: Path
    program: Path
    environment: dict[str, str] = field(default_factory=dict)

    def words(self, *words: str) -> tuple[str, ...]:
        """The words of a command line; a deploy for which nobody names a model gets the demo model, and a first one
        for which nobody names a port a free one.

        Most tests are about something else, and two that deploy at once would find the same port with `auto`.
        """
        if "deploy" not in words:
            return words
        file = self.folder / stack_toml.FILE
        try:
            spec = stack_toml.parse(file.read_text() if file.exists() else "")
        except ConfigError:  # the test is about that
            return words
        if not ({"--model", "--url"} & set(words) or several_models.is_named(spec)):
            words = (*words, "--model", "demo")
        is_first = not (self.folder / "stack.lock").exists()
        if is_first and spec.sillytavern.port == "auto" and not ("--port" in words or spec.sillytavern.proxy.is_wanted):
            words = (*words, "--port", str(free_port()))
        return words

    def run(self, *words: str, check: bool = True, timeout: float = 600) -> "subprocess.CompletedProcess[str]":
        """Run stackctl in the folder; with check, a failure fails the test with all that was said."""
        done = subprocess.run(
            [str(self.program), *self.words(*words)],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        if check and done.returncode:
            pytest.fail(
                f"stackctl {' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}", pytrace=False
            )
        return done

    def deploy(self, *words: str) -> dict[str, Any]:
        """Deploy with our own images and return the JSON result."""
        done = self.run("deploy", "--json", "--images", "own", *words)
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def fails(self, code: int, *words: str) -> str:
        """Run stackctl, which must end with this exit code and no traceback; return what it said."""
        done = self.run(*words, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == code, f"exit {done.returncode}, not {code}:\n{said}"
        assert "Traceback" not in said, said
        assert "hint:" in said, said
        return said

    def docker(self, *words: str) -> str:
        """Run the docker command and return its output."""
        done = subprocess.run(
            ["docker", *words],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
        return done.stdout

    @property
    def name(self) -> str:
        return self.folder.name

    def container(self, service: str) -> str:
        """The id of a service's container."""
        label = f"label=com.docker.compose.project={self.name}"
        found = self.docker("ps", "-aq", "--filter", label, "--filter", f"label=com.docker.compose.service={service}")
        assert found.strip(), f"{self.name} has no container for {service}"
        return found.split()[0]

    def inspect(self, service: str) -> dict[str, Any]:
        """docker inspect of a service's container."""
        found: dict[str, Any] = json.loads(self.docker("inspect", self.container(service)))[0]
        return found

    def clean(self) -> None:
        """Remove what the stack left on the engine, whatever happened."""
        label = f"label=com.docker.compose.project={self.name}"
        if ids := self.docker("ps", "-aq", "--filter", label).split():
            self.docker("rm", "-f", "-v", *ids)
        if ids := self.docker("network", "ls", "-q", "--filter", label).split():
            self.docker("network", "rm", *ids)


@pytest.fixture(scope="session")
def engine() -> None:
    """A real engine must answer: without one these tests fail, they never skip."""
    done = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"no container engine answers; `make test` brings one up\n{done.stderr}", pytrace=False)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder of all processes of this run together."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def alone(shared: Path) -> FileLock:
    """Held by the one process of the tests that builds what all use; the next one finds it built."""
    return FileLock(shared / "building.lock")


@pytest.fixture(scope="session")
def installed(shared: Path, alone: FileLock) -> Path:
    """The stackctl command, installed from the wheel into an environment of its own."""
    program = shared / "installed" / "venv" / "bin" / "stackctl"
    with alone:
        if not program.exists():
            install(shared / "installed")
    return program


def install(place: Path) -> None:
    run_python("-m", "build", "--wheel", "--no-isolation", "--outdir", str(place), str(ROOT))
    home = place / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    packages = next(home.glob("lib/python*/site-packages"))
    # the dependencies are those of the environment that runs the tests; stackctl itself comes from the wheel alone
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = ("-m", "pip", "--python", str(home / "bin/python"), "install", "--no-deps", "-q")
    run_python(*pip, str(next(place.glob("*.whl"))))


def run_python(*words: str) -> None:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def own_images(engine: None, installed: Path, alone: FileLock) -> None:
    """Our own images, built once (the engine's build cache makes this quick)."""
    del engine
    with alone:
        done = subprocess.run(
            [str(installed), "images", "build", "base", "llamacpp", "sillytavern"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def program(own_images: None, tmp_path_factory: pytest.TempPathFactory, alone: FileLock) -> Path:
    """The stand-in for KoboldCpp's release binary, a real PyInstaller onefile."""
    del own_images
    with alone:
        return build.koboldcpp_program(tmp_path_factory.mktemp("koboldcpp"))


@pytest.fixture(scope="session")
def textgen(own_images: None, alone: FileLock) -> str:
    """The stand-in for text-generation-webui's image."""
    del own_images
    with alone:
        return build.textgen_image()


@pytest.fixture
def new_stack(
    tmp_path: Path, installed: Path, own_images: None, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Stack]]:
    """Make deployment folders; what their stacks left on the engine is removed afterwards."""
    del own_images
    made: list[Stack] = []
    prefix = "".join(c if c.isalnum() else "-" for c in request.node.name.removeprefix("test_"))[:40].strip("-").lower()

    def make(suffix: str = "", **environment: str) -> Stack:
        folder = tmp_path / f"t-{prefix}{suffix}"
        folder.mkdir()
        data = str(tmp_path / "data")
        made.append(Stack(folder=folder, program=installed, environment={"XDG_DATA_HOME": data, **environment}))
        return made[-1]

    yield make
    for stack in made:
        stack.clean()


@pytest.fixture
def stack(new_stack: Callable[..., Stack]) -> Stack:
    """One empty deployment folder."""
    return new_stack()
