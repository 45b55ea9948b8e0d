"""`stackctl doctor`: every check of this machine and of the stack in its folder, beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from stackctl.contracts.finding import CheckResult, Finding
from stackctl.contracts.repair import Repaired
from stackctl.core.doctor.consequences import without_consequences
from stackctl.core.doctor.ranking import exit_code, rank
from stackctl.machine import Machine
from stackctl.steps.doctor.check import Check, Looks
from stackctl.steps.doctor.every_check import CHECKS
from stackctl.steps.doctor.run_checks import LATE, run_checks

# seconds since the program was started after which no check is waited for: it must end within three
WITHIN_S = 2.3
_LEAST_S = 1.0  # what the checks need on a machine whose start of the program left no more
_SLOWER = 1.5  # times the start of the program: what the checks get where that left less
_MOST_S = 8.0
_DEEP_S = 90.0  # for those that need a container


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What the checks found."""

    results: tuple[CheckResult, ...]  # in the order of the checks
    is_deep: bool = False
    repairs: tuple[Repaired, ...] = ()  # those that were offered before, in order

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return all findings, the one to repair first in front."""
        return rank(self.results)

    @property
    def repairable(self) -> tuple[Finding, ...]:
        """Return those that stackctl can repair itself, the first in front."""
        return tuple(one for one in self.findings if one.repair)

    @property
    def late(self) -> tuple[str, ...]:
        """Return the names of the checks that did not end in time."""
        return tuple(one.check for one in self.results if one.untried == LATE)

    @property
    def exit_code(self) -> int:
        """Return the exit code of the worst failure; 0 if there are warnings alone."""
        return exit_code(self.findings)


def doctor(
    machine: Machine, *, is_deep: bool = False, checks: Sequence[Check] = CHECKS, within_s: float | None = None
) -> Diagnosis:
    """Run the checks, and end in time whatever hangs. Nothing is changed; is_deep: also try containers.

    within_s: from now on; None: WITHIN_S since the program was started. On a machine so busy that the start took most
    of that, the checks take as much longer, too: else none would end, and nothing would be known.
    """
    now, age_s = machine.system.monotonic(), machine.system.age_s()
    left_s = WITHIN_S - age_s if within_s is None else within_s
    until = now + (left_s if left_s >= _LEAST_S else max(left_s, min(age_s * _SLOWER, _MOST_S)))
    results = run_checks(
        checks,
        Looks(machine, is_deep, until),
        until=until,
        deep_until=now + _DEEP_S,
        clock=machine.system.monotonic,
    )
    return Diagnosis(results=without_consequences(results), is_deep=is_deep)
