"""The rate of an answer: the backend's own figure, of this very answer, or none."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import pytest

from stackctl.core.observed import ServiceState
from stackctl.core.plan.stack import Plan
from stackctl.effects.tavern.http import Reply
from stackctl.machine import Machine
from stackctl.steps.measure_speed import measure_speed
from tests.backends.logs import GENERATED
from tests.commands.machines import quiet
from tests.core.samples import a_plan, wanted

SINCE = 1_800_000_000.0
REPLY = Reply(text="Hello", pieces=1, is_whole=True, first_s=0.36, total_s=0.37)
HEAD = b'{"status":200,"headers":[]}\n'
OLDER = GENERATED.replace("50.19", "2.30")


@dataclass
class Engine:
    """Runs a stack. `logs`: what the backend's log has at each look; `says`: what node says in SillyTavern's."""

    backend: str
    logs: list[tuple[str, ...]] = field(default_factory=list)
    says: bytes = b""
    is_local: bool = True
    looked: list[ServiceState] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def client(self) -> Self:
        return self

    @property
    def api(self) -> Self:
        return self

    def states(self, _: str) -> dict[str, ServiceState]:
        names = ("sillytavern", self.backend)
        return {name: ServiceState(name=name, container=name, state="running", started_at=1.0) for name in names}

    def tail(self, state: ServiceState) -> tuple[str, ...]:
        self.looked.append(state)
        return self.logs.pop(0) if self.logs else ()

    def exec_create(self, container: str, _: list[str], environment: dict[str, str]) -> dict[str, str]:
        assert container == "sillytavern"
        self.asked.append(json.loads(environment["STACKCTL_REQUEST"])["url"])
        return {"Id": "x"}

    def exec_start(self, _: str, **__: bool) -> Iterator[tuple[bytes, None]]:
        yield self.says, None


def planned(kind: str, **more: Any) -> Plan:
    return replace(a_plan(wanted(backend={"kind": kind})), **more)


def measured(engine: Engine, plan: Plan, folder: Path, reply: Reply = REPLY) -> tuple[float | None, int]:
    """(the rate, how often it was waited for)."""
    machine: Machine = replace(quiet(folder).machine, engine=engine)  # type: ignore[arg-type]  # as much as it needs
    pauses: list[float] = []
    return measure_speed(reply, plan, machine, SINCE, sleep=pauses.append), len(pauses)


def test_llamacpp_says_it_in_the_last_event_of_its_answer(tmp_path: Path) -> None:
    ending = '{"content":"","stop":true,"timings":{"predicted_n":26,"predicted_per_second":784.66}}'
    engine, plan = Engine("llamacpp"), planned("llamacpp")
    assert measured(engine, plan, tmp_path, replace(REPLY, ending=ending)) == (784.66, 0)
    assert measured(engine, plan, tmp_path) == (None, 0)
    assert (engine.looked, engine.asked) == ([], [])


def test_koboldcpp_is_asked_from_inside_sillytaverns_container(tmp_path: Path) -> None:
    figures = json.dumps({"last_eval": 1.25, "last_token_count": 26}).encode()
    engine, plan = Engine("koboldcpp", says=HEAD + figures), planned("koboldcpp")
    assert measured(engine, plan, tmp_path) == (800.0, 0)
    assert engine.asked == [f"{plan.backend_url}/api/extra/perf"]
    for says in (b"", HEAD, HEAD + b"<html>", b'{"status":404,"headers":[]}\n' + figures):
        assert measured(Engine("koboldcpp", says=says), plan, tmp_path) == (None, 0)


def test_text_generation_webui_says_it_in_its_log_a_moment_later(tmp_path: Path) -> None:
    engine = Engine("text-generation-webui", logs=[(), ("12:00 INFO     other",), (OLDER, GENERATED, "12:01 other")])
    assert measured(engine, planned("textgen"), tmp_path) == (50.19, 2)
    assert {state.started_at for state in engine.looked} == {SINCE}  # nothing that it wrote before


def test_a_log_that_never_says_it_is_not_waited_for_for_long(tmp_path: Path) -> None:
    assert measured(Engine("text-generation-webui"), planned("textgen"), tmp_path) == (None, 10)


@pytest.mark.parametrize("elsewhere", ["the engine", "the backend"])
def test_a_log_of_another_machine_says_nothing(elsewhere: str, tmp_path: Path) -> None:
    engine = Engine("text-generation-webui", logs=[(GENERATED,)], is_local=elsewhere != "the engine")
    plan = planned("textgen")
    if elsewhere == "the backend":
        plan = replace(plan, services=(plan.sillytavern,))
    assert measured(engine, plan, tmp_path) == (None, 0)
