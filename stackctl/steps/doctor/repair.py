"""Offers the repairs of what the doctor found, one yes each, and verifies each by the check that found the fault."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from stackctl.contracts.finding import CheckResult, Finding
from stackctl.contracts.repair import MoveAside, Outcome, Repair, Repaired, RestartEngine, RewriteFile, WriteFile
from stackctl.core.doctor.ranking import rank
from stackctl.core.doctor.repair_text import describe, needs_root, say_stopped
from stackctl.errors import Interrupted, StackctlError
from stackctl.machine import Machine
from stackctl.steps.doctor.run_repair import Running

_PAUSE_S: Final = 0.5
_FILES: Final = (WriteFile, RewriteFile, MoveAside)  # steps that change a file, and are taken back if they do not help
_CHANGED: Final[frozenset[Outcome]] = frozenset({"repaired", "begun", "still there"})


@dataclass(frozen=True, kw_only=True)
class Repairing:
    """What repairing needs from its caller.

    diagnose: looks at everything again; again: runs the check of this name; agrees: asks the user, None if no answer
    can come; start: starts the services of this folder's stack.
    """

    machine: Machine
    diagnose: Callable[[], tuple[CheckResult, ...]]
    again: Callable[[str], CheckResult]
    agrees: Callable[[str], bool | None]
    start: Callable[[], None]


def repair_all(results: tuple[CheckResult, ...], by: Repairing) -> tuple[tuple[Repaired, ...], tuple[CheckResult, ...]]:
    """Offer each repair once, the one that comes first in front; return what became of them, and the last diagnosis.

    After each change everything is looked at again: what was repaired may show what comes next, or repair it, too.
    """
    done: list[Repaired] = []
    offered: set[str] = set()
    while found := _next(results, offered):
        finding, repair, check = found
        offered.add(repair.does)
        done.append(_offer(finding, repair, check, by))
        if done[-1].outcome == "not asked":
            break  # no answer comes to the other questions either
        if done[-1].outcome in {*_CHANGED, "failed"}:
            by.machine.docker.forget()
            results = by.diagnose()
    return tuple(done), results


def _next(results: tuple[CheckResult, ...], offered: set[str]) -> tuple[Finding, Repair, str] | None:
    """Return the first finding whose repair was not offered, with the name of its check; None if there is none."""
    for finding in rank(results):
        if finding.repair and finding.repair.does not in offered:
            return finding, finding.repair, next(one.check for one in results if finding in one.findings)
    return None


def _offer(finding: Finding, repair: Repair, check: str, by: Repairing) -> Repaired:
    system, ui = by.machine.system, by.machine.ui
    is_root = system.user().uid == 0
    commands = describe(repair, is_root=is_root)
    outcome = Repaired(
        issue=finding.issue, context=finding.context, does=repair.does, outcome="declined", commands=commands
    )
    ui.overview("\n".join((f"{finding.says}", repair.does, *(f"  {one}" for one in commands), *_stopped(repair, by))))
    if needs_root(repair) and not is_root and not system.program("sudo"):
        return _said(replace(outcome, outcome="needs root", says="run `stackctl doctor --fix` as root"), by)
    agreed = by.agrees(repair.does)
    if agreed is None:
        says = "there is no terminal to ask on; add --yes to agree to all repairs"
        return _said(replace(outcome, outcome="not asked", says=says), by)
    return _said(_repaired(outcome, finding, repair, check, by) if agreed else outcome, by)


def _stopped(repair: Repair, by: Repairing) -> tuple[str, ...]:
    """Return a line on the containers that a repair stops; () if it stops none."""
    if not any(isinstance(step, RestartEngine) and step.stops_containers for step in repair.steps):
        return ()
    try:
        says = say_stopped(by.machine.docker.stopped_by_restart())
    except StackctlError as error:
        says = f"It is not known which containers it stops: {error.message}."
    return (says,) if says else ("It stops no container.",)


def _repaired(outcome: Repaired, finding: Finding, repair: Repair, check: str, by: Repairing) -> Repaired:
    """Run a repair and verify it; a failed one is taken back."""
    by.machine.ui.step(repair.does)
    running = Running(by.machine, by.start)
    try:
        running.run(repair)
    except Interrupted:
        raise
    except StackctlError as error:
        return _taken_back(replace(outcome, outcome="failed"), error.message, running)
    found, says = _verify(finding, repair, check, by)
    if found == "still there" and any(isinstance(step, _FILES) for step in repair.steps):
        return _taken_back(replace(outcome, outcome=found), says, running)
    return replace(outcome, outcome=found, says=says, undo=running.commands())


def _taken_back(outcome: Repaired, why: str, running: Running) -> Repaired:
    """Take back a repair that failed or did not help, and return what became of it."""
    if not running.done:
        return replace(outcome, says=f"{why}; nothing was changed")
    if failed := running.take_back():
        return replace(outcome, says=f"{why}; it was not taken back: {failed}", undo=running.commands())
    return replace(outcome, says=f"{why}; all that it changed was taken back")


def _verify(finding: Finding, repair: Repair, check: str, by: Repairing) -> tuple[Outcome, str]:
    """Return whether the check that found a fault passes now; it has the repair's time for that."""
    system = by.machine.system
    until = system.monotonic() + repair.patience_s
    while True:
        by.machine.docker.forget()
        result = by.again(check)
        same = [one for one in result.findings if (one.issue, one.context) == (finding.issue, finding.context)]
        if not same and (result.findings or not result.untried):
            return "repaired", repair.then
        if repair.then and same and all(one.repair is None for one in same):
            return "begun", repair.then
        if system.monotonic() >= until:
            return "still there", same[0].says if same else f"the check {check} could not be tried: {result.untried}"
        system.pause(_PAUSE_S)


def _said(done: Repaired, by: Repairing) -> Repaired:
    """Tell what became of a repair, and return it."""
    ui = by.machine.ui
    ui.note(f"{done.outcome}{f': {done.says}' if done.says else ''}")
    for one in done.undo:
        ui.note(f"to undo: {one}")
    return done
