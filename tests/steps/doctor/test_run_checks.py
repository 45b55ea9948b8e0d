"""The checks run beside each other, and the doctor ends whatever hangs."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from stackctl.contracts.finding import CheckResult, Finding
from stackctl.errors import ConfigError, EngineError
from stackctl.steps.doctor.check import Check, Looks
from stackctl.steps.doctor.run_checks import run_checks
from tests.commands.machines import quiet

LATE = Finding(issue="gpu-driver-hangs", says="it hangs", hint="Reboot.")


def check(
    name: str, run: Callable[[Looks], CheckResult], *, late: Finding | None = None, is_deep: bool = False
) -> Check:
    return Check(name=name, title=name, run=run, late=late, is_deep=is_deep, area="test")


def well(_: Looks) -> CheckResult:
    return CheckResult(says="well")


def hung(_: Looks) -> CheckResult:
    threading.Event().wait()
    raise AssertionError


def bug(_: Looks) -> CheckResult:
    raise ZeroDivisionError


def refused(_: Looks) -> CheckResult:
    raise EngineError("the engine does not answer")


def run(folder: Path, *checks: Check, is_deep: bool = False) -> tuple[CheckResult, ...]:
    """Give the checks before the last one all the time that they need, and the last one none."""
    given = iter([0.0] * (len(checks) - 1))
    looks = Looks(quiet(folder).machine, is_deep)
    return run_checks(checks, looks, until=60.0, deep_until=60.0, clock=lambda: next(given, 60.0))


def test_results_come_in_the_order_of_the_checks_with_name_and_area(tmp_path: Path) -> None:
    found = run(tmp_path, check("a", well), check("b", refused), check("hung", hung))
    assert [(one.check, one.area, one.state) for one in found] == [
        ("a", "test", "passed"),
        ("b", "test", "not tried"),
        ("hung", "test", "not tried"),
    ]


def test_a_check_that_hangs_is_late_and_nothing_waits_for_it(tmp_path: Path) -> None:
    _, late = run(tmp_path, check("a", well), check("hung", hung))
    assert (late.state, late.untried, late.findings) == ("not tried", "it did not end in time", ())


def test_what_it_means_that_a_check_hangs_is_found(tmp_path: Path) -> None:
    _, late = run(tmp_path, check("a", well), check("hung", hung, late=LATE))
    assert (late.state, late.findings) == ("failed", (LATE,))


def test_a_check_whose_need_is_not_there_is_not_tried_and_says_why(tmp_path: Path) -> None:
    found, _ = run(tmp_path, check("a", refused), check("hung", hung))
    assert (found.state, found.untried) == ("not tried", "the engine does not answer")


def test_a_bug_in_a_check_is_raised_and_not_taken_for_late(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, check("bug", bug), check("a", well), check("hung", hung))


def test_a_check_that_needs_a_container_waits_until_it_is_asked_for(tmp_path: Path) -> None:
    deep = check("deep", well, is_deep=True)
    assert "stackctl doctor --deep" in run(tmp_path, deep, check("a", well))[0].untried
    assert run(tmp_path, deep, check("a", well), is_deep=True)[0].says == "well"


def test_what_several_checks_look_at_is_looked_at_once_and_its_failure_kept(tmp_path: Path) -> None:
    looks, looked = Looks(quiet(tmp_path).machine), []

    def look() -> str:
        looked.append(1)
        raise EngineError("gone")

    for _ in range(2):
        with pytest.raises(EngineError, match="gone"):
            looks.once("engine", look)
    assert looked == [1]


def test_a_check_waits_no_longer_than_the_doctor_has_time(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    now = here.system.time
    assert Looks(here.machine).left_s(5.0) == 5.0
    assert Looks(here.machine, until=now + 2.0).left_s(5.0) == pytest.approx(1.6)
    assert Looks(here.machine, until=now + 2.0).left_s(1.0) == 1.0
    assert Looks(here.machine, until=now).left_s(5.0) > 0


def test_a_reason_of_several_lines_is_told_by_its_first(tmp_path: Path) -> None:
    def mistaken(_: Looks) -> CheckResult:
        raise ConfigError("1 mistake in stack.toml\n  stack.toml:3: a.b: unknown key")

    (result,) = run(tmp_path, check("a", mistaken))
    assert result.untried == "1 mistake in stack.toml"
