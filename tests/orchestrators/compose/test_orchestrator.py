"""Compose behind the orchestrator's port: what is refused before it runs, and what it is told to do."""

import json
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
MAKES = "-p chat -f compose.yml up -d --pull never --no-recreate"
WORDS = {
    "stop": ("-p chat stop llamacpp",),
    "down": ("-p chat down --remove-orphans --volumes",),
    "logs": ("-p chat logs --tail 7 -f",),
    "start": (MAKES,),
    "restart": ("-p chat stop", MAKES),
}
FILELESS = ("stop", "down", "logs")


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
def test_each_verb_is_for_this_stack_and_a_start_makes_what_is_missing(
    orchestrator: ComposeOrchestrator, tmp_path: Path, verb: str
) -> None:
    VERBS[verb](orchestrator)
    said = (tmp_path / ASKED).read_text().splitlines()
    assert [line[line.index("-p chat") :] for line in said] == list(WORDS[verb])


@pytest.mark.parametrize(
    ("text", "says"), [("services: [\n", r"compose\.yml:2 is not YAML"), ("\n", r"compose\.yml is empty")]
)
@pytest.mark.parametrize("verb", ["start", "restart"])
def test_a_compose_yml_that_is_no_yaml_or_empty_is_said_before_compose_reads_it(
    orchestrator: ComposeOrchestrator, tmp_path: Path, verb: str, text: str, says: str
) -> None:
    (tmp_path / "stack" / "compose.yml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        VERBS[verb](orchestrator)
    assert not (tmp_path / ASKED).exists()


@pytest.mark.parametrize("verb", ["start", "restart"])
def test_without_a_compose_yml_nothing_is_started_from_a_folder_above(
    orchestrator: ComposeOrchestrator, tmp_path: Path, verb: str
) -> None:
    (tmp_path / "stack" / "compose.yml").rename(tmp_path / "compose.yml")
    with pytest.raises(ConfigError, match=r"there is no compose\.yml in .*stack"):
        VERBS[verb](orchestrator)
    assert not (tmp_path / ASKED).exists()


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_text("services: [\n")], ids=["gone", "broken"])
@pytest.mark.parametrize("verb", FILELESS)
def test_what_needs_no_compose_yml_goes_on_without_it(
    orchestrator: ComposeOrchestrator, tmp_path: Path, verb: str, spoil: Callable[[Path], object]
) -> None:
    spoil(tmp_path / "stack" / "compose.yml")
    VERBS[verb](orchestrator)
    assert len((tmp_path / ASKED).read_text().splitlines()) == 1


def test_a_container_that_lost_its_network_is_said_to_be_made_anew(orchestrator: ComposeOrchestrator) -> None:
    said: list[str] = []
    orchestrator._docker, orchestrator._note = FakeDocker(cut_off=("llamacpp",)), said.append
    closed(orchestrator, "start")
    assert said == ["recreating llamacpp, because a network that it was in is gone"]


def test_a_start_makes_sure_that_its_networks_are_shut(
    orchestrator: ComposeOrchestrator, docker: FakeDocker, tmp_path: Path
) -> None:
    networks = "networks: {edge: {ipam: {config: [{subnet: 10.1.0.0/24, gateway: 10.1.0.1}]}}}"
    (tmp_path / "stack" / "compose.yml").write_text(f"services: {{}}\n{networks}\n")
    closed(orchestrator, "start")
    assert docker.made == [("chat", Network(name="edge", subnet="10.1.0.0/24", gateway="10.1.0.1", internal=False))]


def test_a_service_runs_another_image_than_its_file_names_where_that_is_asked_for(
    orchestrator: ComposeOrchestrator, tmp_path: Path
) -> None:
    applying = orchestrator.apply("chat", "llamacpp", images={"llamacpp": "sha256:1"})
    applying._process.communicate()
    applying.close()
    said = (tmp_path / ASKED).read_text().strip()
    words = "-p chat -f compose.yml -f .stackctl/images.json up -d --remove-orphans --pull never llamacpp"
    assert said.endswith(words)
    written = json.loads((tmp_path / "stack/.stackctl/images.json").read_text())
    assert written == {"services": {"llamacpp": {"image": "sha256:1"}}}
