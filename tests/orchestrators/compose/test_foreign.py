"""Somebody else's compose file: what Compose makes of it, and what its text says where there is no Compose."""

import json
import os
from pathlib import Path, PurePosixPath

import pytest

from stackctl.contracts.host import Owner
from stackctl.core.adoption.mounted import Mount, Service
from stackctl.effects.storage import Folder
from stackctl.errors import ConfigError, EngineError
from stackctl.orchestrators.compose import foreign
from stackctl.orchestrators.compose.orchestrator import ComposeOrchestrator
from tests.fakes import FakeDocker

APP = "/home/node/app"
CONFIG = {
    "name": "chat",
    "services": {
        "tavern": {
            "image": "ghcr.io/sillytavern/sillytavern:latest",
            "environment": {"SILLYTAVERN_PORT": "1", "A": None},
            "ports": [{"target": 8000, "published": "9000"}, {"target": 1}],
            "volumes": [
                {"type": "bind", "source": "/srv/config", "target": f"{APP}/config"},
                {"type": "volume", "source": "st", "target": f"{APP}/data", "volume": {"subpath": "x"}},
                {"type": "volume", "source": "mine", "target": f"{APP}/plugins"},
                {"type": "volume", "target": f"{APP}/public/scripts/extensions/third-party"},
                {"type": "tmpfs", "target": "/tmp"},
            ],
        },
        "kobold": {"container_name": "kcpp", "image": "koboldai/koboldcpp"},
    },
    "volumes": {"st": {"name": "chat_st"}, "mine": {"name": "of-mine", "external": True}},
}


def test_binds_volumes_by_the_engines_name_and_names_of_variables_alone_are_read() -> None:
    tavern, kobold = foreign.services(json.dumps(CONFIG))
    assert tavern == Service(
        name="tavern",
        container="chat-tavern-1",
        image="ghcr.io/sillytavern/sillytavern:latest",
        mounts=(
            Mount(target=f"{APP}/config", source="/srv/config"),
            Mount(target=f"{APP}/data", volume="chat_st", below="x"),
            Mount(target=f"{APP}/plugins", volume="of-mine"),
            Mount(target=f"{APP}/public/scripts/extensions/third-party"),
        ),
        environment=("A", "SILLYTAVERN_PORT"),
        ports=("9000",),
    )
    assert (kobold.name, kobold.container) == ("kobold", "kcpp")


@pytest.mark.parametrize("config", ["", "[]", "{}", '{"services": []}', '{"services": {"a": null}}'])
def test_a_config_of_no_services_has_none(config: str) -> None:
    assert foreign.services(config) == ()


TEXT = """
services:
  st:
    image: x
    volumes:
      - ./config:/home/node/app/config:ro
      - "${APPDATA}/data:/home/node/app/data"
      - ${ELSEWHERE:-/srv}/plugins:/home/node/app/plugins
      - {type: volume, source: ext, target: /home/node/app/public/scripts/extensions/third-party}
      - /etc/localtime:/etc/localtime
  other: {volumes: [/home/node/app/none]}
"""


def test_without_compose_the_text_alone_says_where_mounts_point() -> None:
    said = foreign.mounts_by_text(TEXT, "# x\nAPPDATA='/big'\n", PurePosixPath("/st"))
    assert {target: source for source, target in said} == {
        f"{APP}/config": "/st/config",
        f"{APP}/data": "/big/data",
        f"{APP}/plugins": "/srv/plugins",
        f"{APP}/public/scripts/extensions/third-party": "the volume ext",
    }


@pytest.mark.parametrize("text", ["", "a: [", "services: 3", "services: {a: {volumes: 7}}", "services: {a: [1]}"])
def test_a_text_that_is_no_compose_file_says_nothing(text: str) -> None:
    assert foreign.mounts_by_text(text, "", PurePosixPath("/")) == ()


# -- by the program


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "st").mkdir()
    return tmp_path / "st"


def orchestrator(folder: Path) -> ComposeOrchestrator:
    of = Folder(folder, Owner(uid=os.geteuid(), gid=os.getegid()))
    return ComposeOrchestrator(of, FakeDocker(), lambda _: "", details=lambda _: None, note=lambda _: None)


def put_docker(path: Path, monkeypatch: pytest.MonkeyPatch, config: str) -> None:
    """A `docker` on PATH whose `compose config` does this."""
    path.mkdir()
    (path / "docker").write_text(f'#!/bin/sh\n[ "$2" = version ] && echo 2.40.3 && exit\n{config}\n')
    (path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{path}:{os.defpath}")


def test_compose_reads_the_file_as_its_owner_would_and_fetches_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "compose.yaml").write_text("services: {}")
    monkeypatch.setenv("COMPOSE_FILE", "of-another-folder.yml")
    say = (
        'echo "{\\"name\\": \\"$COMPOSE_FILE$COMPOSE_EXPERIMENTAL_GIT_REMOTE$PWD $*\\", \\"services\\": {\\"a\\": {}}}"'
    )
    put_docker(tmp_path / "bin", monkeypatch, say)
    found = orchestrator(folder).services()
    assert found
    assert found[0].container == f"false{folder} compose --profile * config --format json-a-1"


def test_a_file_of_another_name_is_read_where_it_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "stack.yml").write_text("services: {}")
    put_docker(tmp_path / "bin", monkeypatch, 'echo "{\\"name\\": \\"$*\\", \\"services\\": {\\"a\\": {}}}"')
    assert orchestrator(folder).services() is None
    found = orchestrator(folder).services("stack.yml")
    assert found
    assert found[0].container.startswith("compose -f stack.yml ")


def test_a_folder_without_a_compose_file_is_not_asked_for_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert orchestrator(folder).services() is None
    (folder / ".env").write_text("# COMPOSE_FILE=x\nA=1\n")
    assert orchestrator(folder).services() is None
    (folder / ".env").write_text("A=1\nCOMPOSE_FILE=mine.yml\n")
    with pytest.raises(EngineError):
        orchestrator(folder).services()


def test_what_compose_refuses_is_said_with_its_words(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "docker-compose.yml").write_text("services: [")
    put_docker(tmp_path / "bin", monkeypatch, "echo 'yaml: line 1' >&2; exit 15")
    with pytest.raises(ConfigError, match=r"Compose refuses the compose file in .*/st: yaml: line 1") as caught:
        orchestrator(folder).services()
    assert caught.value.hint


def test_without_compose_the_hint_names_where_the_mounts_point(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "compose.yml").write_text(TEXT)
    (folder / ".env").write_text("APPDATA=/big\n")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineError) as caught:
        orchestrator(folder).services()
    assert "The compose file mounts " in caught.value.hint
    assert f"/big/data at {APP}/data" in caught.value.hint
