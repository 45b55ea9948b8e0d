"""No engine, one that does not let us in, one too old; no Compose, or the wrong one."""

import os
import socket
from pathlib import Path

import pytest

from tests.e2e.conftest import Stack
from tests.e2e.failing import answering, files, hint, within

pytestmark = pytest.mark.engine
VERSION = {"Version": "19.03.15", "ApiVersion": "1.40", "MinAPIVersion": "1.12", "Os": "linux", "Arch": "amd64"}
INFO = {"ServerVersion": "19.03.15", "OSType": "linux", "Runtimes": {}, "CpuCfsQuota": True}


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short name: the path of a socket has at most 107 characters."""
    return tmp_path_factory.mktemp("s")


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """An empty folder to be the whole PATH."""
    folder = tmp_path / "commands"
    folder.mkdir()
    return folder


def command(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_no_engine_at_all_is_said_with_the_way_to_one(stack: Stack, place: Path) -> None:
    host = f"unix://{place / 'docker.sock'}"
    said = within(stack, DOCKER_HOST=host).fails(4, "deploy")
    assert f"no container engine is running here: its socket does not exist ({host})" in said
    assert "systemctl start docker" in hint(said)
    assert "https://docs.docker.com/engine/install/" in hint(said)
    assert files(stack) == []


def test_an_engine_that_is_not_running_is_said(stack: Stack, place: Path) -> None:
    path = place / "docker.sock"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    said = within(stack, DOCKER_HOST=f"unix://{path}").fails(4, "deploy")
    assert "the container engine is not running: its socket refuses connections" in said
    assert "systemctl start docker" in hint(said)


def test_status_and_stop_say_it_likewise(stack: Stack, place: Path) -> None:
    stack.run("render", "--images", "own")
    elsewhere = within(stack, DOCKER_HOST=f"unix://{place / 'docker.sock'}")
    for verb in ("status", "stop"):
        assert "no container engine is running here" in elsewhere.fails(4, verb)


def test_a_socket_without_permission_is_said_with_the_group_to_join(stack: Stack, place: Path) -> None:
    path = place / "docker.sock"
    # root without the capability to override permissions is a user like any other
    command(place, "stackctl", f'exec setpriv --bounding-set=-dac_override,-dac_read_search {stack.program} "$@"')
    with answering(path, {"/version": VERSION, "/info": INFO}) as host:
        path.chmod(0o600)
        os.chown(path, 4321, 4321)
        stack.program = place / "stackctl"
        said = within(stack, DOCKER_HOST=host).fails(4, "deploy")
    assert f"you have no permission on the engine's socket ({host})" in said
    assert "usermod -aG docker" in hint(said)


def test_an_engine_that_is_too_old_is_named_with_its_version(stack: Stack, place: Path) -> None:
    with answering(place / "docker.sock", {"/version": VERSION, "/info": INFO}) as host:
        said = within(stack, DOCKER_HOST=host).fails(4, "deploy")
    assert "Docker Engine 19.03.15 is too old; 20.10 or newer is needed" in said
    assert "https://docs.docker.com/engine/install/" in hint(said)
    assert files(stack) == []


def test_what_answers_on_the_socket_and_is_no_engine_is_said(stack: Stack, place: Path) -> None:
    with answering(place / "docker.sock", {"/version": {"hello": "world"}}) as host:
        said = within(stack, DOCKER_HOST=host).fails(4, "deploy")
    assert "the container engine can't be reached" in said


@pytest.mark.parametrize("host", ["nonsense", "tcp://host:port", "tcp://"])
def test_a_docker_host_that_is_no_address_is_said(stack: Stack, host: str) -> None:
    said = within(stack, DOCKER_HOST=host).fails(4, "deploy")
    assert "the container engine can't be reached" in said
    assert "DOCKER_HOST" in hint(said)


def test_an_engine_by_ssh_says_what_it_needs(stack: Stack) -> None:
    said = within(stack, DOCKER_HOST="ssh://somebody@localhost").fails(4, "deploy")
    assert "needs a Python package that stackctl does not bring (ssh://somebody@localhost)" in said
    assert "paramiko" in hint(said)


def test_the_engine_is_that_of_the_current_docker_context(stack: Stack, place: Path) -> None:
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    config = place / "config"
    (config / "cli-plugins").mkdir(parents=True)
    plugins = Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker")) / "cli-plugins"
    for plugin in plugins.iterdir() if plugins.is_dir() else ():
        (config / "cli-plugins" / plugin.name).symlink_to(plugin.resolve())
    for name, where in (("here", host), ("gone", f"unix://{place}/gone.sock")):
        stack.docker("--config", str(config), "context", "create", name, "--docker", f"host={where}")
    (config / "config.json").write_text('{"currentContext": "lost"}')
    by_context = {"DOCKER_HOST": "", "DOCKER_CONFIG": str(config)}
    within(stack, **by_context, DOCKER_CONTEXT="here").run("deploy", "--dry-run", "--images", "own")
    said = within(stack, **by_context, DOCKER_CONTEXT="gone").fails(4, "deploy")
    assert f"no container engine is running here: its socket does not exist (unix://{place}/gone.sock)" in said
    said = within(stack, **by_context).fails(4, "deploy")
    assert "the current Docker context can't be read" in said
    assert "docker context ls" in hint(said)


def test_a_missing_docker_command_is_said(stack: Stack, commands: Path) -> None:
    said = within(stack, PATH=str(commands)).fails(4, "deploy")
    assert "the docker command is not installed" in said
    assert "https://docs.docker.com/engine/install/" in hint(said)


def test_docker_without_compose_is_said_with_the_package_to_install(stack: Stack, commands: Path) -> None:
    command(commands, "docker", "echo \"docker: 'compose' is not a docker command.\" >&2; exit 1")
    said = within(stack, PATH=str(commands)).fails(4, "deploy")
    assert "Docker Compose is not installed" in said
    assert "docker-compose-plugin" in hint(said)


@pytest.mark.parametrize(
    ("name", "version"), [("docker-compose", "1.29.2"), ("docker-compose", "v1.25.0"), ("docker", "2.9.0")]
)
def test_a_compose_that_is_too_old_is_named_with_its_version(
    stack: Stack, commands: Path, name: str, version: str
) -> None:
    command(commands, "docker", "exit 1")
    command(commands, name, f"echo {version}")
    said = within(stack, PATH=str(commands)).fails(4, "deploy")
    assert f"Docker Compose {version.removeprefix('v')} is too old; 2.20 or newer is needed" in said
    assert "docker-compose-plugin" in hint(said)
