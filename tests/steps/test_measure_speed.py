"""The rate of an answer: the backend's own figure, of this very answer, or none."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.observed import ServiceState
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern.replies import Reply
from stackctl.steps.measure_speed import measure_speed
from tests.backends.logs import GENERATED
from tests.commands.machines import quiet
from tests.core.samples import a_plan, wanted
from tests.fakes import FakeDocker, FakeOrchestrator, FakeTavern

SINCE = 1_800_000_000.0
REPLY = Reply(text="Hello", pieces=1, is_whole=True, first_s=0.36, total_s=0.37)
OLDER = GENERATED.replace("50.19", "2.30")


@dataclass
class Engine(FakeDocker):
    """Runs a stack with this backend; its log has these lines at each look."""

    backend: str = ""
    written: list[tuple[str, ...]] = field(default_factory=list)
    looked: list[ServiceState] = field(default_factory=list)

    def states(self, _: str) -> dict[str, ServiceState]:
        names = ("sillytavern", self.backend)
        return {name: ServiceState(name=name, container=name, state="running", started_at=1.0) for name in names}

    def tail(self, state: ServiceState, lines: int = 200) -> tuple[str, ...]:
        del lines
        self.looked.append(state)
        return self.written.pop(0) if self.written else ()


def planned(kind: str, **more: Any) -> Plan:
    return replace(a_plan(wanted(backend={"kind": kind})), **more)


def measured(
    engine: Engine, plan: Plan, folder: Path, reply: Reply = REPLY, tavern: FakeTavern | None = None
) -> tuple[float | None, int]:
    """(the rate, how often it was waited for)."""
    machine = quiet(folder).machine
    orchestrator = FakeOrchestrator(machine.folder, engine)
    machine = replace(machine, docker=engine, orchestrator=orchestrator, tavern=tavern or FakeTavern())
    pauses: list[float] = []
    return measure_speed(reply, plan, machine, SINCE, sleep=pauses.append), len(pauses)


def test_llamacpp_says_it_in_the_last_event_of_its_answer(tmp_path: Path) -> None:
    ending = '{"content":"","stop":true,"timings":{"predicted_n":26,"predicted_per_second":784.66}}'
    engine, plan = Engine(backend="llamacpp"), planned("llamacpp")
    assert measured(engine, plan, tmp_path, replace(REPLY, ending=ending)) == (784.66, 0)
    assert measured(engine, plan, tmp_path) == (None, 0)
    assert (engine.looked, engine.asked) == ([], [])


def test_koboldcpp_is_asked_from_inside_sillytaverns_container(tmp_path: Path) -> None:
    figures = json.dumps({"last_eval": 1.25, "last_token_count": 26})
    engine, plan = Engine(backend="koboldcpp"), planned("koboldcpp")
    tavern = FakeTavern(at_backend={"/api/extra/perf": figures})
    assert measured(engine, plan, tmp_path, tavern=tavern) == (800.0, 0)
    assert tavern.asked == [f"{plan.backend_url}/api/extra/perf inside sillytavern"]
    for says in ("", "<html>"):
        assert measured(engine, plan, tmp_path, tavern=FakeTavern(at_backend={"/api/extra/perf": says})) == (None, 0)


def test_text_generation_webui_says_it_in_its_log_a_moment_later(tmp_path: Path) -> None:
    engine = Engine(
        backend="text-generation-webui", written=[(), ("12:00 INFO     other",), (OLDER, GENERATED, "12:01 other")]
    )
    assert measured(engine, planned("textgen"), tmp_path) == (50.19, 2)
    assert {state.started_at for state in engine.looked} == {SINCE}  # nothing that it wrote before


def test_a_log_that_never_says_it_is_not_waited_for_for_long(tmp_path: Path) -> None:
    assert measured(Engine(backend="text-generation-webui"), planned("textgen"), tmp_path) == (None, 10)


@pytest.mark.parametrize("elsewhere", ["the engine", "the backend"])
def test_a_log_of_another_machine_says_nothing(elsewhere: str, tmp_path: Path) -> None:
    engine = Engine(backend="text-generation-webui", written=[(GENERATED,)], is_local=elsewhere != "the engine")
    plan = planned("textgen")
    if elsewhere == "the backend":
        plan = replace(plan, services=(plan.sillytavern,))
    assert measured(engine, plan, tmp_path) == (None, 0)
