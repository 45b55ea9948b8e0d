"""`stackctl diff`: the text that a deploy would change, and what becomes of each container."""

from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.commands.deploy import Options, deploy
from stackctl.commands.diff import Difference, diff
from stackctl.core.observed import ContainerSeen
from stackctl.errors import ConfigError
from tests.commands.engines import Stage, container, quiet_stage
from tests.commands.machines import Quiet
from tests.core.samples import a_plan
from tests.fakes import FakeImages

QUICK = Options(prove=False, timeout_s=20)
IMAGES = dict.fromkeys((service.image for service in a_plan().services), "sha256:1")
RUNS = {"llamacpp": "1", "sillytavern": "2"}


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    """A machine with a stack that was deployed, and runs as it was written."""
    found = quiet_stage(tmp_path, Stage(images=FakeImages(published=dict(IMAGES))))
    deploy(found.machine, {"model.path": "demo", "name": "mine"}, QUICK)
    found.docker.containers_ = [
        ContainerSeen(id=f"id-{name}", service=name, folder=str(tmp_path), config_hash=number)
        for name, number in RUNS.items()
    ]
    return found


def changes(here: Quiet, hashes: dict[str, str], **flags: object) -> tuple[Difference, list[tuple[str, str, str]]]:
    """What is told where Compose gives the services of the new file these hashes."""
    here.orchestrator.hashes = hashes
    found = diff(here.machine, {name.replace("_", "."): value for name, value in flags.items()})
    return found, [(one.service, one.action, one.reason) for one in found.changes]


def test_a_stack_that_is_as_it_should_be_has_no_difference(here: Quiet) -> None:
    found, listed = changes(here, RUNS)
    assert (found.text, listed) == ("", [])


def test_what_another_file_changes_of_a_container_recreates_it_and_says_why(here: Quiet) -> None:
    found, listed = changes(here, {**RUNS, "llamacpp": "9"}, backend_context=4096)
    assert listed == [("llamacpp", "recreate", "changed: command, mem_limit")]
    assert found.text.startswith("--- compose.yml (now)\n+++ compose.yml (deploy)\n")
    assert any(line.startswith("+") and "4096" in line for line in found.text.splitlines())


def test_what_no_file_of_ours_changes_is_the_users_own_doing(here: Quiet) -> None:
    found, listed = changes(here, {**RUNS, "llamacpp": "9"})
    assert found.text == ""
    assert listed == [
        ("llamacpp", "recreate", "changed: compose.override.yml, a change by hand, or a deploy that did not end")
    ]


def test_a_service_without_container_is_created_and_one_that_is_no_longer_planned_is_removed(here: Quiet) -> None:
    here.docker.containers_[0] = replace(here.docker.containers_[0], service="koboldcpp")
    _, listed = changes(here, RUNS)
    assert listed == [
        ("koboldcpp", "remove", "it is no longer part of the stack"),
        ("llamacpp", "create", "it has no container now; its settings stay"),
    ]


def test_a_stopped_stack_has_what_would_start_and_what_would_be_another(here: Quiet) -> None:
    for name in RUNS:
        here.docker.states_[name] = container(name, state="exited")
    found, listed = changes(here, RUNS)
    assert (found.text, listed) == (
        "",
        [(name, "start", "it is stopped; its settings stay") for name in ("llamacpp", "sillytavern")],
    )
    _, listed = changes(here, {**RUNS, "llamacpp": "9"}, backend_context=4096)
    assert listed == [
        ("llamacpp", "recreate", "changed: command, mem_limit; it is stopped now"),
        ("sillytavern", "start", "it is stopped; its settings stay"),
    ]


@pytest.mark.parametrize("state", ["created", "exited", "dead"])
def test_one_service_that_is_stopped_would_start_alone(here: Quiet, state: str) -> None:
    here.docker.states_["sillytavern"] = container("sillytavern", state=state)
    assert [one[:2] for one in changes(here, RUNS)[1]] == [("sillytavern", "start")]


@pytest.mark.parametrize("state", ["running", "restarting"])
def test_what_runs_or_comes_back_by_itself_is_not_started(here: Quiet, state: str) -> None:
    here.docker.states_["sillytavern"] = container("sillytavern", state=state)
    assert changes(here, RUNS)[1] == []


def test_a_stack_that_is_down_is_not_taken_for_a_new_one(here: Quiet) -> None:
    here.docker.containers_, here.docker.states_ = [], {}
    found, listed = changes(here, RUNS, backend_context=4096)
    assert listed == [
        ("llamacpp", "create", "it has no container now; changed: command, mem_limit"),
        ("sillytavern", "create", "it has no container now; its settings stay"),
    ]
    assert len([line for line in found.text.splitlines() if line.startswith("+")]) < 6


def test_before_the_first_deploy_all_is_to_be_created(tmp_path: Path) -> None:
    found, listed = changes(quiet_stage(tmp_path, Stage()), RUNS, model_path="demo")
    assert [(name, action) for name, action, _ in listed] == [("llamacpp", "create"), ("sillytavern", "create")]
    assert all(line.startswith(("+", "---", "@@")) for line in found.text.splitlines())
    assert list(tmp_path.iterdir()) == []


def test_what_was_decided_stays_unless_that_is_asked_for(here: Quiet) -> None:
    here.docker.states_.clear()
    (here.machine.path / ".stackctl/sillytavern-has-run").unlink()
    lock = here.machine.path / "stack.lock"
    lock.write_text(lock.read_text().replace('"value": 8000', '"value": 8055'))
    assert "127.0.0.1:8055" in diff(here.machine, {}).text
    assert "127.0.0.1:8055" not in diff(here.machine, {}, replan=True).text


def test_it_changes_nothing_and_refuses_anothers_stack(here: Quiet) -> None:
    before = {path: path.read_bytes() for path in here.machine.path.rglob("*") if path.is_file()}
    changes(here, RUNS, backend_context=4096)
    assert {path: path.read_bytes() for path in here.machine.path.rglob("*") if path.is_file()} == before
    here.docker.foreign = frozenset({"mine"})
    with pytest.raises(ConfigError, match="mine is another's"):
        diff(here.machine, {})
