"""The engine is looked for where Docker's own client looks for it; one that does not answer is said with its place."""

import gc
import hashlib
import json
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from docker import DockerClient

from stackctl.cli import main
from stackctl.effects.docker.connection import connect
from stackctl.effects.docker.engine import Engine
from stackctl.errors import EngineError, NoAnswer


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short name: the path of a socket has at most 107 characters."""
    return tmp_path_factory.mktemp("s")


@pytest.fixture(autouse=True)
def surroundings(place: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Neither a DOCKER_HOST nor a context of the user's."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(place / "config"))
    monkeypatch.setenv("HOME", str(place))
    return monkeypatch


@dataclass(frozen=True)
class Failure:
    message: str
    hint: str


def failure(patience_s: int | None = None) -> Failure:
    """How connecting fails. The SDK leaves the socket that it could not connect to whoever collects it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(EngineError) as caught:
            connect(patience_s)
        found = Failure(caught.value.message, caught.value.hint)
        assert caught.value.exit_code == 4
        del caught
        gc.collect()
    return found


def test_no_engine_at_all_is_said_with_the_way_to_one(place: Path, surroundings: pytest.MonkeyPatch) -> None:
    host = f"unix://{place}/docker.sock"
    surroundings.setenv("DOCKER_HOST", host)
    error = failure()
    assert error.message == f"no container engine is running here: its socket does not exist ({host})"
    assert "https://docs.docker.com/engine/install/" in error.hint


def test_an_engine_that_is_not_running_is_said(place: Path, surroundings: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(f"{place}/docker.sock")
    surroundings.setenv("DOCKER_HOST", f"unix://{place}/docker.sock")
    assert failure().message.startswith("the container engine is not running: its socket refuses connections")


@pytest.mark.parametrize("host", ["nonsense", "tcp://host:port", "tcp://"])
def test_a_docker_host_that_is_no_address_is_said(host: str, surroundings: pytest.MonkeyPatch) -> None:
    surroundings.setenv("DOCKER_HOST", host)
    error = failure()
    assert error.message.startswith("the container engine can't be reached")
    assert "DOCKER_HOST" in error.hint


@contextmanager
def silent(place: Path, *, is_here: bool) -> Iterator[str]:
    """The address of an engine that takes a connection and never says a word."""
    kind = socket.AF_UNIX if is_here else socket.AF_INET
    with socket.socket(kind) as listening:
        listening.bind(f"{place}/docker.sock" if is_here else ("127.0.0.1", 0))
        listening.listen()
        yield f"unix://{place}/docker.sock" if is_here else f"tcp://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("is_here", [False, True])
def test_an_engine_that_does_not_answer_is_given_up_and_said(
    place: Path, surroundings: pytest.MonkeyPatch, is_here: bool
) -> None:
    with silent(place, is_here=is_here) as host:
        surroundings.setenv("DOCKER_HOST", host)
        error, began = failure(patience_s=1), time.monotonic()
    assert error.message == f"the container engine does not answer ({host})"
    assert ("systemctl restart docker" if is_here else "DOCKER_HOST") in error.hint
    assert time.monotonic() - began < 8


def test_an_engine_that_did_not_answer_is_not_waited_for_again(place: Path, surroundings: pytest.MonkeyPatch) -> None:
    tries = list[str]()

    class Impatient(Engine):
        @staticmethod
        def connect(patience_s: int | None = None) -> DockerClient:
            tries.append("connect")
            return connect(patience_s or 1)

    with silent(place, is_here=False) as host, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        surroundings.setenv("DOCKER_HOST", host)
        engine = Impatient()
        for _ in range(3):
            with pytest.raises(NoAnswer):
                engine.containers("chat")
        gc.collect()
    assert tries == ["connect"]


SSH = "ssh://somebody@localhost"


def test_an_engine_by_ssh_is_refused_and_never_asked(surroundings: pytest.MonkeyPatch) -> None:
    surroundings.setenv("DOCKER_HOST", SSH)
    error = failure()
    assert error.message == f"the engine is another machine's ({SSH}), which has none of this machine's files"
    assert "localhost/stackctl/stackctl:1 deploy" in error.hint


def context(folder: Path, name: str, host: str) -> None:
    """Write a context as `docker context create` does."""
    at = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    at.mkdir(parents=True)
    (at / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host}}}))


def test_the_engine_is_that_of_the_current_context(place: Path, surroundings: pytest.MonkeyPatch) -> None:
    context(place / "config", "gone", f"unix://{place}/gone.sock")
    (place / "config" / "config.json").write_text("{}")  # without it the SDK looks elsewhere
    surroundings.setenv("DOCKER_CONTEXT", "gone")
    assert f"its socket does not exist (unix://{place}/gone.sock)" in failure().message
    surroundings.delenv("DOCKER_CONTEXT")
    (place / "config" / "config.json").write_text('{"currentContext": "gone"}')
    assert f"(unix://{place}/gone.sock)" in failure().message


def test_a_current_context_that_is_not_there_is_said(place: Path) -> None:
    (place / "config").mkdir()
    (place / "config" / "config.json").write_text('{"currentContext": "lost"}')
    error = failure()
    assert error.message == "the current Docker context can't be read"
    assert "docker context ls" in error.hint


USES_AN_ENGINE = (
    *("deploy", "deploy --dry-run --model demo", "diff", "use small", "smoke", "smoke --up", "status", "url", "open"),
    *("logs", "stop", "start", "restart", "down", "adopt --undo", "images list"),
)


@pytest.mark.parametrize("words", USES_AN_ENGINE)
def test_no_command_writes_anything_for_an_engine_by_ssh(
    words: str, tmp_path: Path, surroundings: pytest.MonkeyPatch
) -> None:
    surroundings.setenv("DOCKER_HOST", SSH)
    done = CliRunner().invoke(main, ["-C", str(tmp_path), *words.split()], catch_exceptions=False)
    assert done.exit_code == 4, done.output
    assert f"({SSH})" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_hint_is_the_command_for_a_container_on_that_machine(
    place: Path, tmp_path: Path, surroundings: pytest.MonkeyPatch
) -> None:
    context(place / "config", "nas", SSH)
    (place / "config" / "config.json").write_text('{"currentContext": "nas"}')
    for chosen in ("", "nas"):  # by `docker context use`, and by the environment
        surroundings.setenv("DOCKER_CONTEXT", chosen)
        done = CliRunner().invoke(main, ["-C", str(tmp_path), "status"], catch_exceptions=False)
        assert done.exit_code == 4, done.output
        assert (
            "docker run --rm -it --network host --pid host -v /var/run/docker.sock:/var/run/docker.sock "
            f"-v {tmp_path}:{tmp_path} -w {tmp_path} localhost/stackctl/stackctl:1 status"
        ) in done.stderr


def test_what_needs_no_engine_goes_on_where_it_is_elsewhere(tmp_path: Path, surroundings: pytest.MonkeyPatch) -> None:
    surroundings.setenv("DOCKER_HOST", SSH)
    for words in (["init"], ["render", "--model", "demo"], ["models", "list"]):
        done = CliRunner().invoke(main, ["-C", str(tmp_path), *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert (tmp_path / "compose.yml").exists()
