"""An engine of 2020 (20.10), a restarted engine, and a folder without stackctl."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
import yaml

from stackctl.core.model.demo_model import FILE_NAME, SENTENCE, gguf_bytes
from stackctl.core.tavern import settings_json as tavern_settings
from stackctl.effects import bounded
from stackctl.effects.tavern.http import Tavern
from tests.e2e import outside
from tests.e2e.conftest import Stack, free_port
from tests.e2e.own_engine import IMAGES, OwnEngine, own_engine, until

pytestmark = [pytest.mark.engine, pytest.mark.debian, pytest.mark.machines]
LOAD_S = 10  # longer than SillyTavern takes to start, so that who waits for whom can be seen
SLOW = f"""
services:
  llamacpp:
    entrypoint: ["sh", "-c", "sleep {LOAD_S}; exec /app/llama-server \\"$$@\\"", "slow"]
"""


@pytest.fixture(scope="module")
def old(own_images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEngine]:
    """Docker Engine 20.10, beside the main one."""
    del own_images
    with own_engine(tmp_path_factory.mktemp("old") / "engine", "--engine", "20.10") as engine:
        yield engine


@pytest.fixture(scope="module")
def deployed(old: OwnEngine, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Stack, str]:
    """The main case on it, with a backend that takes its time, and what the deploy said."""
    folder = tmp_path_factory.mktemp("on-old") / "t-old"
    folder.mkdir()
    (folder / "compose.override.yml").write_text(SLOW)
    stack = Stack(folder=folder, program=installed, environment=old.environment)
    return stack, stack.run("deploy", "--json", "--images", "own", "--port", str(free_port())).stdout


@pytest.fixture
def stack20(deployed: tuple[Stack, str]) -> Stack:
    return deployed[0]


def url_of(stack: Stack) -> str:
    publish = yaml.safe_load((stack.folder / "compose.yml").read_text())["services"]["sillytavern"]["ports"][0]
    return f"http://{publish.rpartition(':')[0]}"


def page_answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/version", timeout=2).is_success
    except httpx.HTTPError:
        return False


def assert_connected(url: str) -> None:
    """As its page does at its load: the connection of its own settings leads to the model, and that one answers."""
    with Tavern(url, bounded.over_http()) as page:
        kind, backend = tavern_settings.connection(page.settings())
        assert page.model(kind, backend, hint="") == FILE_NAME
        assert page.generate(kind, backend, "Hello", 48).text == SENTENCE


def moment(stack: Stack, service: str, line: str) -> datetime:
    """When a service last wrote such a line."""
    argv = ["docker", "logs", "--timestamps", stack.container(service)]
    environment = {**os.environ, **stack.environment}
    said = subprocess.run(
        argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    ).stdout
    found = [text for text in said.splitlines() if line in text]
    assert found, f"{service} never said {line!r}:\n{said}"
    return datetime.fromisoformat(found[-1].split()[0])


def test_an_engine_of_2020_runs_the_main_case(old: OwnEngine, deployed: tuple[Stack, str]) -> None:
    stack, said = deployed
    assert old.docker("version", "--format", "{{.Server.Version}}").startswith("20.10.")
    assert json.loads(said)["reply"] == SENTENCE
    for service in yaml.safe_load((stack.folder / "compose.yml").read_text())["services"].values():
        assert "start_interval" not in service["healthcheck"]
        assert service["healthcheck"]["interval"] == "5s"
    assert stack.run("status").returncode == 0
    assert stack.run("diff").stdout.splitlines() == ["compose.yml stays as it is", "no container would be touched"]


def test_on_an_engine_of_2020_smoke_says_that_the_backend_reaches_its_machine(stack20: Stack) -> None:
    assert "gateway_mode" not in (stack20.folder / "compose.yml").read_text()
    said = stack20.run("smoke", "--only", "isolation", "--only", "origin").stdout
    assert "no way out except to what listens on this machine (Docker Engine 28 closes that, too)" in said


def test_an_engine_of_2020_reaches_a_backend_on_its_own_machine(
    old: OwnEngine, installed: Path, tmp_path: Path
) -> None:
    (tmp_path / FILE_NAME).write_bytes(gguf_bytes())
    tmp_path.chmod(0o755)
    folder = tmp_path / "t-old-outside"
    folder.mkdir()
    stack = Stack(folder=folder, program=installed, environment=old.environment)
    gateway = outside.gateway(old.docker("network", "inspect", "bridge"))
    try:
        with outside.llamacpp(tmp_path, gateway, model=FILE_NAME) as port:
            where = ("--url", f"http://127.0.0.1:{port}", "--port", str(free_port()))
            assert stack.deploy(*where)["reply"] == SENTENCE
        assert f"http://host.docker.internal:{port}" in (folder / "compose.yml").read_text()
    finally:
        stack.clean()


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("nvidia", ["does not offer the NVIDIA driver", "nvidia-ctk runtime configure", "--gpu none"]),
        ("cdi", ["has no CDI device nvidia.com/gpu=all", "Update Docker Engine to 25 or newer"]),
    ],
)
def test_a_gpu_that_it_cannot_give_is_refused_before_anything_is_touched(
    stack20: Stack, mode: str, words: list[str]
) -> None:
    settings = stack20.folder / "stack.toml"
    before, compose = settings.read_text(), (stack20.folder / "compose.yml").read_text()
    running = [stack20.inspect(service)["State"]["StartedAt"] for service in ("llamacpp", "sillytavern")]
    settings.write_text(before.replace('image = "auto"', f'image = "{IMAGES[0]}"', 1))  # ours is for the CPU alone
    try:
        said = stack20.fails(5, "deploy", "--gpu", mode)
    finally:
        settings.write_text(before)
    assert all(word in said for word in words), said
    assert [stack20.inspect(s)["State"]["StartedAt"] for s in ("llamacpp", "sillytavern")] == running
    assert (stack20.folder / "compose.yml").read_text() == compose


def test_after_a_restart_of_the_engine_the_page_waits_for_the_backend_by_itself(old: OwnEngine, stack20: Stack) -> None:
    old.restart()
    url = url_of(stack20)
    until(lambda: page_answers(url), 120, "SillyTavern does not answer")
    assert_connected(url)
    # the engine started both at once; it was SillyTavern's own container that waited for the loaded model
    started = datetime.fromisoformat(stack20.inspect("sillytavern")["State"]["StartedAt"])
    serving = moment(stack20, "llamacpp", "listening on http")
    assert started < serving < moment(stack20, "sillytavern", "SillyTavern is listening")
    assert (serving - started).total_seconds() > LOAD_S / 2


def test_the_folder_alone_comes_up_connected_after_a_restart_of_the_engine(old: OwnEngine, stack20: Stack) -> None:
    old.restart()
    argv = ["docker", "compose", "up", "-d", "--wait"]
    environment = {**os.environ, **old.environment}
    done = subprocess.run(argv, cwd=stack20.folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_connected(url_of(stack20))


def test_down_leaves_nothing_on_the_engine(old: OwnEngine, stack20: Stack) -> None:
    stack20.run("down")
    assert old.docker("ps", "-aq") == old.docker("volume", "ls", "-q") == ""
    assert old.docker("network", "ls", "--filter", "type=custom", "-q") == ""
