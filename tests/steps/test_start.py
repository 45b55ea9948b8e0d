"""A start on a played engine: what the step asks of it, and what it leaves behind."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pytest

from stackctl.core.observed import ReadSeen, ServiceState
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError, DoesNotFit, EngineError, NotReady
from stackctl.orchestrators.compose import render
from stackctl.orchestrators.compose.orchestrator import Applying
from stackctl.ports.orchestrator import Action
from stackctl.steps.start import start
from tests.commands.engines import Stage, StageCompose, container, quiet_stage
from tests.commands.machines import Quiet
from tests.core.samples import a_plan, model, model_file, rendered, seen

BACKEND, PAGE = "llamacpp", "sillytavern"
RECORD = ".stackctl/sillytavern-has-run"
READING = "load_model: loading model 'x'"
REFUSES = "error: invalid argument: --no-such-flag"
SOON_S = 20


def written(folder: Path, *, has_model: bool = True) -> Plan:
    """A plan whose compose.yml lies in the folder, as its model does."""
    if has_model:
        (folder / "tiny.gguf").touch()
    world = seen(of=model(model_file(host=str(folder / "tiny.gguf"))))
    (folder / render.FILE).write_text(rendered(world=world))
    return a_plan(world=world)


def ended(name: str, state: str = "exited", *, exit_code: int = 1, oom_killed: bool = False) -> ServiceState:
    return replace(container(name, state="running"), state=state, health="", exit_code=exit_code, oom_killed=oom_killed)


def loading(name: str) -> ServiceState:
    return replace(container(name, state="running"), health="starting")


def test_a_stack_that_gets_ready_is_started_and_sillytavern_s_run_is_recorded(tmp_path: Path) -> None:
    plan, stage = written(tmp_path), Stage(logs={BACKEND: (READING,)})
    here = quiet_stage(tmp_path, stage)
    done = start(plan, here.machine, timeout_s=SOON_S)
    assert 0 <= done.ready_s < SOON_S
    said = here.said.getvalue()
    assert said.count("llamacpp is ready (") == said.count("sillytavern is ready (") == 1
    assert (tmp_path / RECORD).is_file()
    assert stage.stopped == []


def test_a_service_that_dies_is_stopped_for_good_its_log_read_and_what_is_ready_goes_on(tmp_path: Path) -> None:
    plan = written(tmp_path)
    stage = Stage(ends={PAGE: ended(PAGE)}, logs={PAGE: ("loading", "YAMLException: bad indentation")})
    here = quiet_stage(tmp_path, stage)
    with pytest.raises(ConfigError, match=r"sillytavern: SillyTavern can't read its config\.yaml") as caught:
        start(plan, here.machine, timeout_s=SOON_S)
    assert caught.value.evidence == ("loading", "YAMLException: bad indentation")
    assert stage.stopped == [f"id-{PAGE}"]
    assert (tmp_path / RECORD).is_file()
    assert has_ended(here)


def test_a_kill_for_memory_is_a_failure_at_once(tmp_path: Path) -> None:
    stage = Stage(ends={BACKEND: ended(BACKEND, exit_code=137, oom_killed=True)})
    with pytest.raises(DoesNotFit, match="killed because it used more memory than its limit"):
        start(written(tmp_path), quiet_stage(tmp_path, stage).machine, timeout_s=SOON_S)
    assert f"id-{BACKEND}" in stage.stopped


def test_what_ran_before_is_named_where_its_successor_fails(tmp_path: Path) -> None:
    before = replace(container(BACKEND, state="running"), container="old", image="image:1")
    stage = Stage(states_={BACKEND: before}, ends={BACKEND: ended(BACKEND)}, logs={BACKEND: (REFUSES,)})
    with pytest.raises(ConfigError) as caught:
        start(written(tmp_path), quiet_stage(tmp_path, stage).machine, timeout_s=SOON_S)
    assert caught.value.hint.endswith(" Before, these ran: llamacpp (image:1, healthy).")
    assert "old" not in stage.stopped


def test_what_compose_refuses_is_its_own_error_and_nothing_has_to_be_stopped(tmp_path: Path) -> None:
    stage = Stage()
    with pytest.raises(EngineError, match="a file or folder to mount does not exist") as caught:
        start(written(tmp_path, has_model=False), quiet_stage(tmp_path, stage).machine, timeout_s=SOON_S)
    assert f"bind source path does not exist: {tmp_path}/tiny.gguf" in caught.value.evidence[0]
    assert stage.stopped == []


@dataclass
class Unseeing(StageCompose):
    """Compose, whose engine sees nothing of this machine's disk."""

    def apply(
        self,
        name: str,
        service: str | None = None,
        *,
        action: Action = "apply",
        images: Mapping[str, str] = MappingProxyType({}),
    ) -> Applying:
        (self.folder.path / "tiny.gguf").rename(self.folder.path / "away")
        try:
            return super().apply(name, service, action=action, images=images)
        finally:
            (self.folder.path / "away").rename(self.folder.path / "tiny.gguf")


def test_a_file_that_the_engine_alone_does_not_see_is_said_to_be_here_with_the_reason(tmp_path: Path) -> None:
    plan, stage = written(tmp_path), Stage(view="snap")
    here = quiet_stage(tmp_path, stage)
    machine = replace(here.machine, orchestrator=Unseeing(here.machine.folder, stage, stage=stage))
    with pytest.raises(EngineError) as caught:
        start(plan, machine, timeout_s=SOON_S)
    assert caught.value.message.startswith(
        f"the engine does not see {tmp_path}/tiny.gguf, which exists here: Docker from a"
    )


def test_a_start_that_is_late_is_left_as_it_is_for_the_next_one(tmp_path: Path) -> None:
    stage = Stage(ends={BACKEND: loading(BACKEND)})
    here = quiet_stage(tmp_path, stage)
    with pytest.raises(NotReady, match="not ready after 0 s: llamacpp: not created yet; sillytavern: not created yet"):
        start(written(tmp_path), here.machine, timeout_s=0)
    assert stage.stopped == []
    assert has_ended(here)


@dataclass
class Kept(Stage):
    """A stack that Compose finds as it should be: it starts nothing, and no event comes."""

    looks: int = 0

    def up(self, text: str) -> str:
        del text
        return ""

    def states(self, project: str) -> dict[str, ServiceState]:
        self.looks += 1
        return super().states(project)


def test_a_stack_that_is_as_it_should_be_is_ready_after_one_look(tmp_path: Path) -> None:
    stage = Kept(states_={name: container(name, state="running") for name in (BACKEND, PAGE)})
    here = quiet_stage(tmp_path, stage)
    start(written(tmp_path), here.machine, timeout_s=SOON_S)
    assert stage.looks == 2  # before the start, and after Compose's end
    assert "is ready" not in here.said.getvalue()


def test_one_that_an_earlier_start_left_loading_is_followed_by_its_log(tmp_path: Path) -> None:
    stage = Kept(
        states_={BACKEND: loading(BACKEND), PAGE: container(PAGE, state="created")},
        says=f" Container t-{BACKEND}-1 Running",
        logs={BACKEND: (READING, REFUSES)},
    )
    with pytest.raises(ConfigError, match="llama-server does not know the argument"):
        start(written(tmp_path), quiet_stage(tmp_path, stage).machine, timeout_s=SOON_S)
    assert stage.stopped == [f"id-{BACKEND}"]


@dataclass
class Slow(Stage):
    """Compose gives up a backend that still reads its model, and is healthy after the look which that asks for."""

    ups: int = 0
    read: int = 1 << 20

    def up(self, text: str) -> str:
        self.ups += 1
        if self.ups > 1:
            return super().up(text)
        self.states_[BACKEND] = loading(BACKEND)
        self.tell("start")
        return f"dependency failed to start: container t-{BACKEND}-1 is unhealthy"

    def read_so_far(self, container: str) -> ReadSeen | None:
        assert container == f"id-{BACKEND}"
        return ReadSeen(size=self.read)

    def states(self, project: str) -> dict[str, ServiceState]:
        if self.ups == 1:
            slow = replace(loading(BACKEND), health="unhealthy")
            if self.read:
                self.states_[BACKEND] = container(BACKEND, state="running")
                self.tell("health_status")
            return {BACKEND: slow}
        return super().states(project)

    def tell(self, action: str) -> None:
        self.stream.put({"id": f"id-{BACKEND}", "Action": action, "timeNano": 10**9})


def test_what_waited_for_a_slow_model_is_started_once_that_is_there(tmp_path: Path) -> None:
    stage = Slow()
    here = quiet_stage(tmp_path, stage)
    start(written(tmp_path), here.machine, timeout_s=SOON_S)
    assert compose(here).words == [("apply", "all"), ("start", "all")]
    assert stage.stopped == []
    assert has_ended(here)


def test_one_that_reads_nothing_is_given_up_with_compose(tmp_path: Path) -> None:
    stage = Slow(read=0)
    with pytest.raises(NotReady, match="runs, but never answered its health check"):
        start(written(tmp_path), quiet_stage(tmp_path, stage).machine, timeout_s=SOON_S)
    assert stage.stopped == [f"id-{BACKEND}"]


@dataclass
class Interrupted(Kept):
    """Ctrl-C comes with the look after Compose's end."""

    def states(self, project: str) -> dict[str, ServiceState]:
        found = super().states(project)
        if self.looks > 1:
            raise KeyboardInterrupt
        return found


def test_ctrl_c_stops_compose_and_nothing_else(tmp_path: Path) -> None:
    stage = Interrupted(states_={PAGE: container(PAGE, state="running")})
    here = quiet_stage(tmp_path, stage)
    with pytest.raises(KeyboardInterrupt):
        start(written(tmp_path), here.machine, timeout_s=SOON_S)
    assert stage.stopped == []
    assert (tmp_path / RECORD).is_file()
    assert has_ended(here)


def test_one_service_alone_is_restarted_and_waited_for(tmp_path: Path) -> None:
    stage = Stage(states_={name: container(name, state="running") for name in (BACKEND, PAGE)})
    here = quiet_stage(tmp_path, stage)
    start(written(tmp_path), here.machine, timeout_s=SOON_S, action="restart", only=BACKEND)
    assert compose(here).words == [("restart", BACKEND)]


def compose(here: Quiet) -> StageCompose:
    assert isinstance(here.machine.orchestrator, StageCompose)
    return here.machine.orchestrator


def has_ended(here: Quiet) -> bool:
    """Whether no Compose that was started is at work any more."""
    return all(process.poll() is not None for process in compose(here).started)


def test_once_a_start_is_over_open_pages_are_told_so_however_it_ended(tmp_path: Path) -> None:
    plan, state = written(tmp_path), tmp_path / "sillytavern/extensions/stackctl/state.json"
    start(plan, quiet_stage(tmp_path, Stage()).machine, timeout_s=SOON_S)
    over = state.read_text()
    assert '"waits"' not in over
    with pytest.raises(NotReady):
        start(plan, quiet_stage(tmp_path, Stage(ends={BACKEND: loading(BACKEND)})).machine, timeout_s=1)
    assert state.read_text() == over
