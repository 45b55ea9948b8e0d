"""Stop, start, restart, down, logs: of this folder's stack alone, under its folder's lock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.commands import lifecycle
from stackctl.commands.deploy import Options, deploy
from stackctl.effects.storage.folder import Folder
from stackctl.errors import ConfigError
from stackctl.machine import Machine
from stackctl.ports.disk import Says
from tests.commands.engines import Stage, quiet_stage
from tests.commands.machines import Quiet
from tests.core.samples import a_plan
from tests.fakes import FakeImages

QUICK = Options(prove=False, timeout_s=20)
IMAGES = dict.fromkeys((service.image for service in a_plan().services), "sha256:1")
DEMO: dict[str, object] = {"model.path": "demo", "name": "mine"}
RECORD = ".stackctl/sillytavern-has-run"

Verb = Callable[[Machine], Any]
VERBS: dict[str, Verb] = {
    "stop": lambda machine: lifecycle.stop(machine, None),
    "start": lambda machine: lifecycle.start(machine, None, again=False, timeout_s=20),
    "restart": lambda machine: lifecycle.start(machine, None, again=True, timeout_s=20),
    "down": lambda machine: lifecycle.down(machine, volumes=False),
    "logs": lambda machine: lifecycle.logs(machine, None, follow=False, lines="all"),
}


class Locked(Folder):
    """A folder that keeps when it was held, among what was asked of others."""

    asked: list[tuple[str, ...]]

    @contextmanager
    def locked(self, says: Says, *, wait_s: float = 0.0, writes: bool = True) -> Iterator[None]:
        del says, wait_s, writes
        self.asked.append(("lock",))
        yield
        self.asked.append(("unlock",))


class Noting(Stage):
    """An engine that keeps when a start was asked for, among what was asked of others."""

    def up(self, text: str) -> str:
        self.orders.append(("up",))
        return super().up(text)

    orders: list[tuple[str, ...]]


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    """A machine with a stack that was deployed; from then on its lock stands among what was asked of Compose."""
    stage = Noting(images=FakeImages(published=dict(IMAGES)))
    stage.orders = []
    found = quiet_stage(tmp_path, stage)
    deploy(found.machine, DEMO, QUICK)
    folder = Locked(tmp_path, found.machine.folder.owner)
    folder.asked = stage.orders = found.orchestrator.asked
    folder.asked.clear()
    found.machine.folder = folder
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_anothers_stack_of_this_name_is_left_alone(here: Quiet, verb: str) -> None:
    here.docker.foreign = frozenset({"mine"})
    with pytest.raises(ConfigError, match="mine is another's"):
        VERBS[verb](here.machine)
    assert here.orchestrator.asked == []


@pytest.mark.parametrize("verb", ["stop", "start", "restart", "down"])
def test_what_changes_the_stack_holds_its_folder(here: Quiet, verb: str) -> None:
    VERBS[verb](here.machine)
    first, *asked, last = here.orchestrator.asked
    assert (first, bool(asked), last) == (("lock",), True, ("unlock",))


def test_who_reads_logs_holds_up_nobody(here: Quiet) -> None:
    VERBS["logs"](here.machine)
    assert ("lock",) not in here.orchestrator.asked


@pytest.mark.parametrize("verb", ["stop", "down"])
def test_the_stack_is_stopped_and_taken_down_by_the_name_that_it_was_deployed_by(here: Quiet, verb: str) -> None:
    (here.machine.path / "stack.toml").write_text('name = "other"\n')
    VERBS[verb](here.machine)
    assert here.orchestrator.asked[1][:2] == (verb, "mine")


def test_one_service_alone_is_stopped_and_an_unknown_one_is_refused(here: Quiet) -> None:
    assert lifecycle.stop(here.machine, "llamacpp").name == "mine"
    assert here.orchestrator.asked[1] == ("stop", "mine", "llamacpp")
    here.orchestrator.asked.clear()
    with pytest.raises(ConfigError, match="this stack has no service 'kobold'") as caught:
        lifecycle.stop(here.machine, "kobold")
    assert caught.value.hint == "it has: llamacpp, sillytavern"
    assert here.orchestrator.asked == []


@pytest.mark.parametrize("verb", ["stop", "down"])
def test_what_is_not_there_is_said_to_be_so(here: Quiet, verb: str) -> None:
    assert VERBS[verb](here.machine).was_there
    here.docker.states_ = {}
    assert not VERBS[verb](here.machine).was_there
    assert [order[0] for order in here.orchestrator.asked].count(verb) == 2  # networks may be left


def test_a_service_that_is_stopped_already_is_said_to_be_so(here: Quiet) -> None:
    states = here.docker.states_
    here.docker.states_ = {**states, "llamacpp": replace(states["llamacpp"], state="exited")}
    assert not lifecycle.stop(here.machine, "llamacpp").was_there
    assert lifecycle.stop(here.machine, "sillytavern").was_there
    assert lifecycle.stop(here.machine, None).was_there


@pytest.mark.parametrize("volumes", [False, True])
def test_down_takes_volumes_only_where_that_is_said_and_keeps_that_sillytavern_has_run(
    here: Quiet, *, volumes: bool
) -> None:
    (here.machine.path / RECORD).unlink()
    lifecycle.down(here.machine, volumes=volumes)
    assert any("volumes" in word for word in here.orchestrator.asked[1]) == volumes
    assert (here.machine.path / RECORD).is_file()


def test_a_start_ends_with_the_address(here: Quiet) -> None:
    done = lifecycle.start(here.machine, None, again=False, timeout_s=None)
    assert (done.name, done.url) == ("mine", "http://127.0.0.1:8000")
    assert done.ready_s is not None


@pytest.mark.parametrize("verb", ["start", "restart"])
def test_a_compose_yml_that_was_edited_by_hand_is_named(here: Quiet, verb: str) -> None:
    file = here.machine.path / "compose.yml"
    VERBS[verb](here.machine)
    assert "is not as stackctl wrote it" not in here.said.getvalue()
    file.write_text(file.read_text() + "# mine\n")
    VERBS[verb](here.machine)
    assert "compose.yml is not as stackctl wrote it" in here.said.getvalue()
    (here.machine.path / "stack.lock").write_text("{")
    VERBS[verb](here.machine)


@pytest.mark.parametrize("gone", [(), (".stackctl/api-key",)], ids=["kept", "lost"])
def test_logs_show_no_key_nor_the_one_that_sillytavern_still_sends(
    here: Quiet, capsys: pytest.CaptureFixture[str], gone: tuple[str, ...]
) -> None:
    key = (here.machine.path / ".stackctl/api-key").read_text().strip()
    for name in gone:
        (here.machine.path / name).unlink()
    again = quiet_stage(here.machine.path, Stage())  # which has not seen the key yet
    again.orchestrator.lines = (f"llamacpp-1  | --api-key {key}\n",)
    again.orchestrator.exit_code = 3
    assert lifecycle.logs(again.machine, None, follow=True, lines="7") == 3
    assert capsys.readouterr().out == "llamacpp-1  | --api-key ***\n"
    (asked,) = again.orchestrator.asked
    assert {"logs", "mine", "7"} < set(asked)
    assert any("-f" in word or "follow" in word for word in asked)


def test_logs_of_one_service_are_its_own(here: Quiet) -> None:
    lifecycle.logs(here.machine, "sillytavern", follow=False, lines="all")
    (asked,) = here.orchestrator.asked
    assert "sillytavern" in asked
    assert not any(word in {"-f", "follow"} for word in asked)
