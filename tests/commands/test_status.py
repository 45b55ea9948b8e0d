"""`stackctl status`: what is ready, what is not, and whose stack it is."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.commands.deploy import Options, deploy
from stackctl.commands.status import Status, status, watch_status
from stackctl.commands.url import open_page
from stackctl.contracts.host import GpuHolder, GpuReading
from stackctl.core.observed import ProbeResult, ServiceState
from stackctl.core.start.events import Changed, Event, EventStreamLost, Idle, Line
from stackctl.errors import ConfigError, EngineError, NotReady
from stackctl.issues import ISSUES
from stackctl.report import status_text
from tests.backends.answers import LOADING, tried
from tests.commands.engines import Stage, container, quiet_stage
from tests.commands.machines import Quiet
from tests.core.samples import a_plan
from tests.fakes import FakeGpus, FakeImages, FakeTavern, FakeWatch

QUICK = Options(prove=False, timeout_s=20)
IMAGES = dict.fromkeys((service.image for service in a_plan().services), "sha256:1")
URL = "http://192.168.1.20:5001"


def deployed(folder: Path, stage: Stage, text: str = '[model]\npath = "demo"\n') -> Quiet:
    """A machine with a stack that was deployed from this stack.toml."""
    (folder / "stack.toml").write_text(f'name = "mine"\n{text}')
    stage.images = FakeImages(published=dict(IMAGES))
    here = quiet_stage(folder, stage)
    deploy(here.machine, {}, QUICK)
    return here


def test_a_stack_whose_services_are_all_well_is_ready(tmp_path: Path) -> None:
    here = deployed(tmp_path, Stage())
    now = status(here.machine)
    assert (now.name, now.is_ready, now.missing, now.url) == ("mine", True, (), "http://127.0.0.1:8000")
    assert [one.name for one in now.services] == ["llamacpp", "sillytavern"]
    assert now.backend is None
    assert now.template == "prompt template ChatML, by its chat template"
    assert status_text.status(now, here.machine.ui)[0].endswith(
        f"mine is ready: {now.url}\n{now.template}\nnext: Open {now.url} in a browser."
    )


@pytest.mark.parametrize("name", ["llamacpp", "sillytavern"])
@pytest.mark.parametrize("changes", [{"health": "starting"}, {"health": "unhealthy"}, {"state": "exited"}], ids=str)
def test_one_that_is_not_well_makes_the_stack_unready_and_the_page_alone_its_address(
    tmp_path: Path, name: str, changes: dict[str, Any]
) -> None:
    here = deployed(tmp_path, Stage())
    here.docker.states_[name] = replace(here.docker.states_[name], **changes)
    now = status(here.machine)
    assert (now.is_ready, bool(now.url)) == (False, name == "llamacpp")


def test_a_missing_service_and_a_stack_without_containers_are_not_ready(tmp_path: Path) -> None:
    here = deployed(tmp_path, Stage())
    del here.docker.states_["sillytavern"]
    now = status(here.machine)
    assert (now.missing, now.is_ready, now.url) == (("sillytavern",), False, "")
    here.docker.states_.clear()
    now = status(here.machine)
    assert (now.missing, now.is_ready) == (("llamacpp", "sillytavern"), False)
    text, _ = status_text.status(now, here.machine.ui)
    assert text.endswith("is not ready\nnext: Run `stackctl start` to create what is missing.")


def test_anothers_stack_of_this_name_is_not_shown(tmp_path: Path) -> None:
    here = deployed(tmp_path, Stage())
    here.docker.foreign = frozenset({"mine"})
    with pytest.raises(ConfigError, match="mine is another's"):
        status(here.machine)
    with pytest.raises(ConfigError, match="mine is another's"):
        next(watch_status(here.machine))


# -- watching


@dataclass
class Telling(FakeWatch):
    """A watch on which, before it tells each event, something may have happened on the engine."""

    engine: Stage = field(default_factory=Stage)
    happens: tuple[tuple[Event, ServiceState | None], ...] = ()

    def events(self, until: float) -> Iterator[Event]:
        del until
        for event, state in self.happens:
            if state:
                self.engine.states_[state.name] = state
            yield event


@dataclass
class Watched(Stage):
    """An engine whose watch is given, once there is one."""

    telling: Telling | None = None

    def watch(self, project: str) -> Any:
        return self.telling or super().watch(project)


def test_a_watch_tells_each_change_once_and_is_closed_at_its_end(tmp_path: Path) -> None:
    stage = Watched()
    here = deployed(tmp_path, stage)
    well = container("llamacpp", state="running")
    ill = replace(well, health="unhealthy")
    news = Changed(well, started=False)  # what it says is not what counts: the engine is asked
    line = Line(service="llamacpp", text="x")
    stage.telling = Telling(engine=stage, happens=((news, None), (news, ill), (news, None), (line, well), (news, None)))
    assert [now.is_ready for now in watch_status(here.machine)] == [True, False, True]
    assert stage.telling.is_closed


@dataclass
class Ticking:
    """A clock that gains a second whenever it is read, as a watch on which nothing happens is idle for one."""

    now: float = 100.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def live(folder: Path, happens: tuple[Event, ...], readings: tuple[GpuReading, ...] = ()) -> tuple[Quiet, list[Status]]:
    """What is shown live while these events come, at most every two seconds."""
    stage = Watched()
    here = deployed(folder, stage)
    stage.telling = Telling(engine=stage, happens=tuple((one, None) for one in happens))
    stage.asked.clear()
    here.machine.gpus = here.gpus = FakeGpus(readings=readings)
    return here, list(watch_status(here.machine, every_s=2, clock=Ticking()))


def test_live_it_is_measured_again_and_again_though_nothing_changes(tmp_path: Path) -> None:
    here, shown = live(tmp_path, (Idle(),) * 10)
    assert 4 <= len(shown) <= 6
    assert {now.memory.ram for now in shown} == {here.host.memory}
    assert here.docker.asked == [], "no log is read again and again"


def test_live_a_generation_shows_its_pace_by_the_log_that_is_read_from_now_on(tmp_path: Path) -> None:
    said = "slot print_timing: id  0 | task 0 | n_decoded =   1081, tg =  12.93 t/s, tg_3s =  12.57 t/s"
    other = Line(service="sillytavern", text=said.replace("12.57", "99.99"))
    here, shown = live(tmp_path, (Idle(), Line(service="llamacpp", text=said), other, Idle(), Idle()))
    assert [now.pace for now in shown][::2] == [None, 12.57]
    assert isinstance(here.docker, Watched)
    assert here.docker.telling
    assert here.docker.telling.logs_read == ["llamacpp"]


@pytest.mark.parametrize(
    ("holders", "reads"), [((GpuHolder(pid=1, name="x", mib=9),), 31), ((), 4)], ids=["used", "free"]
)
def test_live_a_gpu_that_no_program_uses_is_left_alone_long_enough_to_fall_asleep(
    tmp_path: Path, holders: tuple[GpuHolder, ...], reads: int
) -> None:
    reading = GpuReading(uuid="GPU-1", total_mib=8192, free_mib=8000, holders=holders)
    here, shown = live(tmp_path, (Idle(),) * 60, (reading,))
    assert here.gpus.woken == [False] * len(here.gpus.woken)
    assert (len(shown), len(here.gpus.woken)) == (31, reads), "in some 90 seconds"
    assert all(now.memory.gpus for now in shown)


def test_live_a_gpu_is_read_again_as_soon_as_a_service_starts(tmp_path: Path) -> None:
    news = Changed(container("llamacpp", state="running"), started=True)
    here, shown = live(
        tmp_path, (Idle(), Idle(), news, Idle(), Idle()), (GpuReading(uuid="G", total_mib=9, free_mib=9),)
    )
    assert len(shown) > 2
    assert len(here.gpus.woken) == 2


@pytest.mark.parametrize("every_s", [None, 2.0])
def test_a_watch_ends_with_an_error_once_the_engine_is_gone(tmp_path: Path, every_s: float | None) -> None:
    stage = Watched()
    here = deployed(tmp_path, stage)
    stage.telling = Telling(engine=stage, happens=((EventStreamLost("connection refused"), None),))
    with pytest.raises(EngineError, match="the engine stopped answering: connection refused"):
        list(watch_status(here.machine, every_s=every_s))
    assert stage.telling.is_closed


# -- a backend elsewhere

EXTERNAL = f'[backend]\nkind = "external"\nurl = "{URL}"\n'


def elsewhere(folder: Path, answer: ProbeResult) -> Quiet:
    """A stack that was deployed with a server elsewhere, which then answers so."""
    stage = Stage()
    stage.answers = lambda url: replace(tried(url, "koboldcpp"), url=url)
    stage.images.here = dict.fromkeys(IMAGES, "sha256:1")
    here = deployed(folder, stage, EXTERNAL)
    stage.answers = lambda url: replace(answer, url=url)
    return here


def test_of_a_backend_elsewhere_its_model_is_asked_now(tmp_path: Path) -> None:
    here = elsewhere(tmp_path, tried(URL, "koboldcpp"))
    now = status(here.machine)
    assert now.is_ready
    assert now.backend
    assert (now.backend.url, now.backend.model, now.backend.problem) == (URL, "koboldcpp/tiny", "")
    assert [one.name for one in now.services] == ["sillytavern"]


def test_without_an_answer_from_there_the_stack_is_not_ready_whatever_stack_toml_says_by_now(tmp_path: Path) -> None:
    here = elsewhere(tmp_path, ProbeResult(url=URL, answers={"/health": LOADING}))
    (tmp_path / "stack.toml").write_text('name = "mine"\n[backend]\nkind = "external"\nurl = "http://10.9.9.9:1"\n')
    now = status(here.machine)
    assert not now.is_ready
    assert now.backend
    assert "192.168.1.20:5001 is still loading its model" in now.backend.problem
    assert now.backend.hint
    assert now.url


# -- the page


@pytest.mark.parametrize(
    ("is_remote", "has_browser", "is_shown"), [(False, True, True), (True, True, False), (False, False, False)]
)
def test_the_page_is_shown_where_somebody_sits(
    tmp_path: Path, *, is_remote: bool, has_browser: bool, is_shown: bool
) -> None:
    here = deployed(tmp_path, Stage())
    here.host.has_browser = has_browser
    done = open_page(here.machine, is_remote=is_remote)
    assert (done.url, done.is_shown) == ("http://127.0.0.1:8000", is_shown)
    assert here.host.shown == ([] if is_remote else ["http://127.0.0.1:8000"])


def test_a_page_that_is_not_ready_is_not_shown(tmp_path: Path) -> None:
    here = deployed(tmp_path, Stage())
    here.docker.states_["sillytavern"] = replace(container("sillytavern", state="running"), health="starting")
    with pytest.raises(NotReady, match="SillyTavern is not ready"):
        open_page(here.machine, is_remote=False)
    assert here.host.shown == []


# -- why it is not well

UNKNOWN = "llama_model_load: error loading model: unknown model architecture: 'llamz'"
GENERIC = "0.00.015.536 E srv  llama_server: exiting due to model loading error"
CRASHES: dict[str, Any] = {"state": "restarting", "health": "", "restarts": 4, "exit_code": 1}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(CRASHES, id="between two starts"),
        pytest.param({"health": "starting", "restarts": 4}, id="at the start of another try"),
        pytest.param({"health": "starting"}, id="its program is up, and its model is not"),
        pytest.param({"state": "exited", "health": "", "exit_code": 137}, id="stopped by the deploy that failed"),
    ],
)
def test_of_a_backend_that_fails_again_and_again_the_cause_and_the_next_command_are_told(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    here = deployed(tmp_path, Stage())
    here.docker.states_["llamacpp"] = replace(here.docker.states_["llamacpp"], **changes)
    here.docker.states_["sillytavern"] = container("sillytavern", state="created")
    here.docker.logs["llamacpp"] = ("load: reading", UNKNOWN, GENERIC)
    (trouble,) = status(here.machine).troubles
    assert trouble.service == "llamacpp"
    assert trouble.problem == "llamacpp: this version of the backend does not know the model's architecture"
    assert trouble.hint.startswith(
        "Use a newer image (`backend.image`) or another model. Run `stackctl deploy` after that."
    )


@pytest.mark.parametrize(
    ("changes", "says", "hint"),
    [
        (CRASHES, "llamacpp: ended by itself (exit code 1)", "stackctl logs llamacpp"),
        ({"health": "starting", "restarts": 4}, "was restarted 4 times so far", "stackctl logs llamacpp"),
        ({"health": "unhealthy"}, "runs, but never answered its health check", "stackctl logs llamacpp"),
        ({"state": "exited", "exit_code": 137}, "llamacpp does not run (exited, exit code 137)", "stackctl start"),
        ({"state": "exited", "exit_code": 0}, "llamacpp does not run (exited, exit code 0)", "stackctl start"),
        (
            {"state": "exited", "exit_code": 137, "oom_killed": True},
            "killed because it used more memory than its limit",
            "stackctl deploy",
        ),
    ],
)
def test_where_its_log_tells_nothing_its_end_does(
    tmp_path: Path, changes: dict[str, Any], says: str, hint: str
) -> None:
    here = deployed(tmp_path, Stage())
    here.docker.states_["llamacpp"] = replace(here.docker.states_["llamacpp"], **changes)
    (trouble,) = status(here.machine).troubles
    assert says in trouble.problem
    assert hint in trouble.hint


def test_what_is_well_or_still_starting_has_no_trouble(tmp_path: Path) -> None:
    here = deployed(tmp_path, Stage())
    here.docker.logs["llamacpp"] = (UNKNOWN,)  # of a run before, which ended
    assert status(here.machine).troubles == ()
    here.docker.states_["llamacpp"] = replace(here.docker.states_["llamacpp"], health="starting")
    here.docker.logs.clear()
    assert status(here.machine).troubles == ()


def test_the_cause_stands_below_the_table_and_beside_its_service(tmp_path: Path) -> None:
    here = deployed(tmp_path, Stage())
    here.docker.states_["llamacpp"] = replace(here.docker.states_["llamacpp"], **CRASHES)
    here.docker.logs["llamacpp"] = (UNKNOWN,)
    text, values = status_text.status(status(here.machine), here.machine.ui)
    says = "llamacpp: this version of the backend does not know the model's architecture"
    hint = "Use a newer image (`backend.image`) or another model. Run `stackctl deploy` after that."
    llamacpp, sillytavern = values["services"]
    more = f"`stackctl explain {llamacpp['issue']}`"
    assert f"\n\n{says}\nhint: {hint}\nmore: {more}\n\nmine is not ready" in text
    assert (llamacpp["issue"] in ISSUES, sillytavern["issue"]) == (True, None)
    assert (llamacpp["problem"], llamacpp["hint"]) == (says, hint)
    assert (sillytavern["problem"], sillytavern["hint"]) == (None, None)


def test_the_log_of_the_runs_before_counts_where_it_was_started_again(tmp_path: Path) -> None:
    @dataclass
    class Runs(Stage):
        """An engine whose backend said why in its first run alone."""

        def tail(self, state: ServiceState, lines: int = 200) -> tuple[str, ...]:
            del lines
            return () if state.started_at else (UNKNOWN,)

    here = deployed(tmp_path, Runs())
    well = here.docker.states_["llamacpp"]
    for restarts, says in ((1, "does not know the model's architecture"), (0, "does not run (exited, exit code 143)")):
        stopped = replace(well, state="exited", exit_code=143, restarts=restarts)
        here.docker.states_["llamacpp"] = stopped
        (trouble,) = status(here.machine).troubles
        assert says in trouble.problem


IDLE = '[model]\npath = "demo"\n[backend]\nidle_unload = "20 min"\n'
PROPS = "http://llamacpp:8080/props inside "


@pytest.mark.parametrize(("says", "word"), [('{"is_sleeping":true}', "asleep"), ('{"is_sleeping":false}', "ready")])
def test_a_backend_that_sleeps_is_ready_and_asked_where_that_wakes_nothing(
    tmp_path: Path, says: str, word: str
) -> None:
    here = deployed(tmp_path, Stage(), IDLE)
    here.machine.tavern = tavern = FakeTavern(at_backend={"/props": says})
    now = status(here.machine)
    assert (now.state, now.is_ready) == (word, True)
    assert [one.startswith(PROPS) for one in tavern.asked] == [True]


def test_a_watch_sees_the_sleep_in_the_log_and_asks_nothing_for_it(tmp_path: Path) -> None:
    stage = Watched()
    here = deployed(tmp_path, stage, IDLE)
    here.machine.tavern = tavern = FakeTavern(at_backend={"/props": '{"is_sleeping":false}'})
    lines = ("server is entering sleeping state", "x", "server is exiting sleeping state")
    stage.telling = Telling(engine=stage, happens=tuple((Line(service="llamacpp", text=one), None) for one in lines))
    assert [now.state for now in watch_status(here.machine)] == ["ready", "asleep", "ready"]
    assert len(tavern.asked) == 1  # at its begin


def test_the_machine_of_a_service_is_shown_if_one_runs_on_another_whose_memory_is_not_claimed(tmp_path: Path) -> None:
    stage = Stage()
    here = deployed(tmp_path, stage)
    assert "MACHINE" not in status_text.status(status(here.machine), here.machine.ui)[0]
    stage.states_["llamacpp"] = replace(stage.states_["llamacpp"], machine="gpu1")
    text, values = status_text.status(status(here.machine), here.machine.ui)
    head, backend, page = (line.split() for line in text.splitlines()[:3])
    column = head.index("MACHINE")
    assert (backend[column], " ".join(page[column : column + 2])) == ("gpu1", "this one")
    assert [one["machine"] for one in values["services"]] == ["gpu1", None]
    assert values["memory"]["ram_own_mib"] is None
