"""Compose behind the orchestrator's port: what is refused before it runs, and what it is told to do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stackctl.contracts.service import Network
from stackctl.effects.storage import Folder, owner_of
from stackctl.errors import ConfigError
from stackctl.orchestrators.compose.orchestrator import ComposeOrchestrator
from tests.core.samples import template
from tests.fakes import FakeDocker

ASKED = "asked"  # a file with the words of each call
VERBS: dict[str, Callable[[ComposeOrchestrator], object]] = {
    "stop": lambda one: one.stop("chat", "llamacpp"),
    "down": lambda one: one.down("chat", volumes=True),
    "logs": lambda one: one.logs("chat", None, lines="7", follow=True, out=lambda _: None, coloured=False),
    "start": lambda one: closed(one, "start"),
    "restart": lambda one: closed(one, "restart"),
}
WORDS = {
    "stop": "stop llamacpp",
    "down": "down --remove-orphans --volumes",
    "logs": "logs --tail 7 -f",
    "start": "up -d --pull never --no-recreate",
    "restart": "restart",
}


def closed(orchestrator: ComposeOrchestrator, action: str) -> None:
    applying = orchestrator.apply("chat", action="start" if action == "start" else "restart")
    applying._process.communicate()  # what it was told is read from what it wrote
    applying.close()


@pytest.fixture
def docker() -> FakeDocker:
    return FakeDocker()


@pytest.fixture
def orchestrator(docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ComposeOrchestrator:
    """Compose for a folder; its `docker` is a script that keeps what it was told."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    kept = tmp_path / ASKED
    program.write_text(f'#!/bin/sh\n[ "$2" = version ] && echo 2.40.3 && exit\necho "$*" >>{kept}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    stack = tmp_path / "stack"
    stack.mkdir()
    (stack / "compose.yml").write_text("services: {}\n")
    return ComposeOrchestrator(
        Folder(stack, owner_of(stack)), docker, template, details=lambda _: None, note=lambda _: None
    )


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_is_one_command_for_this_stack(orchestrator: ComposeOrchestrator, tmp_path: Path, verb: str) -> None:
    VERBS[verb](orchestrator)
    (line,) = (tmp_path / ASKED).read_text().splitlines()
    assert "-p chat -f compose.yml" in line
    assert line.endswith(f"compose.yml {WORDS[verb]}")


@pytest.mark.parametrize("verb", VERBS)
def test_a_compose_yml_that_is_no_yaml_is_said_before_compose_reads_it(
    orchestrator: ComposeOrchestrator, tmp_path: Path, verb: str
) -> None:
    (tmp_path / "stack" / "compose.yml").write_text("services: [\n")
    with pytest.raises(ConfigError, match=r"compose\.yml:2 is not YAML"):
        VERBS[verb](orchestrator)
    assert not (tmp_path / ASKED).exists()


def test_a_start_makes_sure_that_its_networks_are_shut(
    orchestrator: ComposeOrchestrator, docker: FakeDocker, tmp_path: Path
) -> None:
    networks = "networks: {edge: {ipam: {config: [{subnet: 10.1.0.0/24, gateway: 10.1.0.1}]}}}"
    (tmp_path / "stack" / "compose.yml").write_text(f"services: {{}}\n{networks}\n")
    closed(orchestrator, "start")
    assert docker.made == [("chat", Network(name="edge", subnet="10.1.0.0/24", gateway="10.1.0.1", internal=False))]
