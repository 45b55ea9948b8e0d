"""What a smoke run comes to: which checks run, what keeps one from running, the exit code, the reports."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.smoke.checks import CHECKS
from stackctl.core.smoke.github_report import annotations, summary
from stackctl.core.smoke.junit import junit
from stackctl.core.smoke.reachability import Route
from stackctl.core.smoke.result import Outcome, Smoked, blocked, choose_checks
from stackctl.errors import ConfigError, Exposed, ModelError, NotReady

SCHEMA = xmlschema.XMLSchema(str(Path(__file__).with_name("junit.xsd")))
HOSTILE = 'a <b> & "c" |x| `y` ]]> \x00\x1b[31m\ud800 100%\nnext'


def outcome(name: str, status: str = "passed", **values: object) -> Outcome:
    return Outcome(name=name, status=status, **values)  # type: ignore[arg-type]  # the tests' own words


def failed(name: str, error: NotReady | ModelError | Exposed) -> Outcome:
    return outcome(name, "failed", says=error.message, error=error, seconds=0.5)


def run(*outcomes: Outcome, ways: tuple[Route, ...] = ()) -> Smoked:
    return Smoked(name="chat", url="http://127.0.0.1:8000", outcomes=outcomes, ways=ways)


# -- which checks


def test_without_a_choice_all_run_in_the_order_of_what_rests_on_what() -> None:
    names = [check.name for check in CHECKS]
    assert [check.name for check in choose_checks(())] == names
    assert len(set(names)) == len(names)
    for number, check in enumerate(CHECKS):
        assert set(check.needs) <= set(names[:number]), check.name


def test_chosen_ones_run_in_that_order_too() -> None:
    assert [check.name for check in choose_checks(("reply", "services"))] == ["services", "reply"]


def test_an_unknown_check_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(ConfigError, match="no check repl") as caught:
        choose_checks(("repl",))
    assert all(check.name in caught.value.hint for check in CHECKS)


def test_what_needs_a_failed_check_names_the_first_cause_and_the_rest_runs() -> None:
    checks = {check.name: check for check in CHECKS}
    outcomes = [failed("wiring", NotReady("no answer")), outcome("streaming", "not run", blocked_by="wiring")]
    assert blocked(checks["reply"], outcomes) == "wiring"
    assert blocked(checks["encoding"], outcomes) == "wiring"
    assert blocked(checks["isolation"], outcomes) == ""
    assert blocked(checks["reply"], [outcome("wiring", "not run", says="the backend runs elsewhere")]) == ""


# -- the verdict


def test_the_exit_code_is_that_of_the_most_fundamental_failure() -> None:
    assert run(outcome("services"), outcome("restart", "not run")).exit_code == 0
    found = run(outcome("page"), failed("model", ModelError("other")), failed("isolation", Exposed("open")))
    assert found.exit_code == ModelError.exit_code
    assert [one.name for one in found.failed] == ["model", "isolation"]


# -- JUnit


def report(smoked: Smoked) -> str:
    return junit(smoked, timestamp="2026-11-25T03:00:00", hostname="box")


def test_the_junit_report_is_valid_and_tells_passed_failed_and_not_run_apart() -> None:
    error = NotReady("no answer", hint="stackctl logs", evidence=("ECONNREFUSED",))
    text = report(
        run(
            outcome("services", says="all well", seconds=0.25),
            failed("wiring", error),
            outcome("reply", "not run", says="because wiring failed"),
        )
    )
    SCHEMA.validate(text)
    root = ElementTree.fromstring(text)  # noqa: S314 - our own
    suite = root[0]
    assert (root.get("tests"), root.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    good, bad, left = suite
    assert (good.get("name"), good.get("time"), good.findtext("system-out")) == ("services", "0.250", "all well")
    failure = bad.find("failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("NotReady", "no answer")
    assert failure.text == "no answer\nECONNREFUSED\nhint: stackctl logs"
    skipped = left.find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "because wiring failed"


def test_a_report_of_another_form_would_be_found() -> None:
    assert not SCHEMA.is_valid(report(run(outcome("services"))).replace('classname="stackctl.smoke"', ""))
    assert not SCHEMA.is_valid(report(run(outcome("services"))).replace("system-out", "output"))


@given(st.text(alphabet=st.characters()))
def test_the_junit_report_is_valid_whatever_a_program_said(words: str) -> None:
    error = NotReady(words, hint=words, evidence=(words,))
    text = report(run(outcome("page", says=words), failed("reply", error), outcome("restart", "not run", says=words)))
    assert text.encode()
    SCHEMA.validate(text)


# -- GitHub


def test_the_summary_is_one_row_a_check_and_a_way_whatever_a_program_said() -> None:
    way = Route(source="this host", target="llamacpp", address="h:1", expected="closed", is_open=True, seen="200 | OK")
    smoked = run(outcome("page", says=HOSTILE), failed("isolation", Exposed(HOSTILE, evidence=(HOSTILE,))), ways=(way,))
    lines = summary(smoked).splitlines()
    assert lines[0] == "## stackctl smoke: chat 1 failed"
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + 2 + 2 + 1
    assert all(row.replace("\\|", "").count("|") in {5, 6} for row in rows)
    assert "❌ 200 \\| OK" in rows[-1]
    assert "<b>" not in "".join(rows)
    assert "    next" in lines  # of the evidence, each line of which is indented: nothing in it can end its block
    assert not [line for line in lines if line.startswith("next")]


def test_an_annotation_is_one_line_a_failure() -> None:
    text = annotations(run(outcome("page"), failed("isolation", Exposed(HOSTILE, hint="close, it"))))
    assert text.count("\n") == 1
    assert text.startswith("::error title=stackctl smoke%3A isolation::a <b>")
    assert "100%25%0Anext%0Ahint: close, it" in text
    assert annotations(run(outcome("page"))) == ""
