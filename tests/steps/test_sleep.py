"""Whether the backend sleeps, asked so that it sleeps on; and how it is woken."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.plan.stack import Plan
from stackctl.errors import NotReady
from stackctl.machine import Machine
from stackctl.steps.sleep import is_asleep, wake
from tests.commands.machines import quiet
from tests.core.samples import a_plan, wanted
from tests.fakes import FakeOrchestrator, FakeTavern
from tests.steps.test_measure_speed import Engine

ASLEEP = "12:00:01 INFO     Unloading the model for inactivity."
LOADED = '12:00:09 INFO     Loaded "a.gguf" in 2.10 seconds.'


def planned(kind: str, idle: str = "20 min") -> Plan:
    return a_plan(wanted(backend={"kind": kind, "idle_unload": idle}))


def here(
    folder: Path, kind: str, log: tuple[str, ...] = (), answers: dict[str, Any] | None = None
) -> tuple[Machine, FakeTavern]:
    machine, tavern = quiet(folder).machine, FakeTavern(at_backend=answers or {})
    engine = Engine(backend=kind, written=[log])
    orchestrator = FakeOrchestrator(machine.folder, engine)
    return replace(machine, docker=engine, orchestrator=orchestrator, tavern=tavern), tavern


def test_llamacpp_is_asked_where_it_says_so(tmp_path: Path) -> None:
    for says, sleeps in (('{"is_sleeping":true}', True), ('{"is_sleeping":false}', False), ("", None)):
        machine, tavern = here(tmp_path, "llamacpp", answers={"/props": says})
        assert is_asleep(planned("llamacpp"), machine) is sleeps
        assert tavern.asked == ["http://llamacpp:8080/props inside sillytavern"]


def test_the_last_word_of_textgens_log_counts(tmp_path: Path) -> None:
    for log, sleeps in (((LOADED, ASLEEP, "x"), True), ((ASLEEP, LOADED, "x"), False), (("x",), None)):
        machine, tavern = here(tmp_path, "text-generation-webui", log)
        assert is_asleep(planned("textgen"), machine) is sleeps
        assert tavern.asked == []


def test_a_backend_that_never_sleeps_is_not_asked(tmp_path: Path) -> None:
    machine, tavern = here(tmp_path, "llamacpp", answers={"/props": '{"is_sleeping":true}'})
    assert is_asleep(planned("llamacpp", "off"), machine) is None
    assert tavern.asked == []


def test_only_one_that_sleeps_is_woken_and_it_must_answer(tmp_path: Path) -> None:
    plan = planned("llamacpp")
    machine, tavern = here(tmp_path, "llamacpp", answers={"/props": '{"is_sleeping":false}'})
    assert not wake(plan, machine)
    machine, tavern = here(tmp_path, "llamacpp", answers={"/props": '{"is_sleeping":true}', "/v1/completions": "{}"})
    assert wake(plan, machine)
    assert tavern.asked[-1].startswith('http://llamacpp:8080/v1/completions {"prompt":')
    machine, _ = here(tmp_path, "llamacpp", answers={"/props": '{"is_sleeping":true}'})
    with pytest.raises(NotReady, match="does not answer now") as raised:
        wake(plan, machine)
    assert "stackctl logs llamacpp" in raised.value.hint
