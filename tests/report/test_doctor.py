"""The doctor's text: the worst first, what is well in a line for each area, and last what to do next."""

import io
from contextlib import redirect_stderr

from stackctl.commands.doctor import Diagnosis
from stackctl.contracts.finding import CheckResult, Finding
from stackctl.contracts.repair import Repair
from stackctl.report.doctor import COLOURS, diagnosis
from stackctl.steps.doctor.run_checks import LATE
from stackctl.terminal import painted
from stackctl.ui import Ui

DOWN = Finding(
    issue="engine-not-running",
    says="Docker is installed and does not run",
    hint="Run `sudo systemctl start docker`.",
    evidence=("ActiveState=failed",),
    repair=Repair(does="Start Docker.", steps=()),
)
LOW = Finding(
    issue="disk-low",
    severity="warning",
    says="little room is left on the disk that holds the images, and more words that do not fit into one line",
    hint="Run `docker image prune`.",
    context="/var/lib/docker",
)
RESULTS = (
    CheckResult(check="engine", area="engine", findings=(DOWN,)),
    CheckResult(check="compose", area="engine", says="2.40.3"),
    CheckResult(check="room", area="storage", findings=(LOW,)),
    CheckResult(check="images", area="images", untried="the engine does not answer"),
    CheckResult(check="services", area="stack", untried="the engine does not answer"),
    CheckResult(check="toolkit", area="gpu", untried="there is no GPU", applies=False),
    CheckResult(check="name", area="stack"),
)


def shown(*results: CheckResult) -> str:
    with redirect_stderr(io.StringIO()):
        return diagnosis(Diagnosis(results=results), Ui())[0]


def test_the_whole_text_reads_from_the_worst_to_the_next_step() -> None:
    assert (
        shown(*RESULTS)
        == """\
1. error: Docker is installed and does not run
   | ActiveState=failed
   hint: Run `sudo systemctl start docker`.
   or: `stackctl doctor --fix`
   more: `stackctl explain engine-not-running`

2. warning: little room is left on the disk that holds the images, and more
            words that do not fit into one line (/var/lib/docker)
   hint: Run `docker image prune`.
   more: `stackctl explain disk-low`

ok         engine   compose: 2.40.3
not tried  images, services: the engine does not answer

found 1 error and 1 warning
first: Run `sudo systemctl start docker`."""
    )


def test_where_nothing_is_wrong_it_says_so() -> None:
    assert shown(RESULTS[1]).splitlines() == ["ok         engine  compose: 2.40.3", "", "found nothing wrong"]


def test_it_does_not_call_well_what_was_not_tried_in_time() -> None:
    late = CheckResult(check="gpu", area="gpu", untried=LATE)
    said = shown(RESULTS[1], late)
    assert said.endswith("found nothing wrong in what was tried\n1 check did not end in time: run it again later.")


def test_warnings_alone_keep_nothing_from_working() -> None:
    assert "found 1 warning: nothing keeps the stack from working\nnext: Run `docker image prune`." in shown(RESULTS[2])


def test_a_hostile_line_of_evidence_stays_one_line_and_can_not_look_like_ours() -> None:
    hostile = Finding(
        issue="disk-low", says="x\n2. error: y", hint="h", evidence=("a\nok  all is well\x1b[2J" + "z" * 900,)
    )
    lines = shown(CheckResult(check="room", area="storage", findings=(hostile,))).splitlines()
    assert lines[:2] == ["1. error: x", "   | 2. error: y"]
    assert lines[2].startswith("   | a ok  all is well")
    assert len(lines[2]) < 250
    assert not any("\x1b" in line for line in lines)


def test_colours_are_for_the_beginnings_of_our_own_lines() -> None:
    lines = painted(shown(*RESULTS), COLOURS).splitlines()
    assert lines[0].startswith("\x1b[31m1. error:\x1b[0m Docker")
    assert any(line.startswith("\x1b[33m2. warning:\x1b[0m") for line in lines)
    assert any(line.startswith("\x1b[32mok ") for line in lines)
    assert "\x1b" not in lines[1]


def test_each_mistake_of_the_settings_stands_in_a_line_of_its_own() -> None:
    says = "2 mistakes in stack.toml\n  stack.toml:3: a.b: unknown key\n  stack.toml:9: a.c: unknown key"
    found = Finding(issue="settings-wrong", says=says, hint="Change the lines above in stack.toml.")
    text = shown(CheckResult(check="settings", area="stack", findings=(found,)))
    assert text.splitlines()[:4] == [
        "1. error: 2 mistakes in stack.toml",
        "   | stack.toml:3: a.b: unknown key",
        "   | stack.toml:9: a.c: unknown key",
        "   hint: Change the lines above in stack.toml.",
    ]


def test_who_asks_for_repairs_reads_that_there_are_none() -> None:
    found = Diagnosis(results=(CheckResult(check="room", area="storage", findings=(LOW,)),))
    with redirect_stderr(io.StringIO()):
        assert diagnosis(found, Ui(), is_fixing=True)[0].splitlines()[-1].startswith("nothing was repaired")
        assert "nothing was repaired" not in diagnosis(found, Ui())[0]
