"""`stackctl doctor --fix`: repairs what stackctl can repair safely, one yes each, and checks again."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from stackctl.commands import lifecycle
from stackctl.commands.doctor import Diagnosis, doctor
from stackctl.contracts.finding import CheckResult
from stackctl.machine import Machine
from stackctl.steps.doctor.check import Check
from stackctl.steps.doctor.every_check import CHECKS
from stackctl.steps.doctor.repair import Repairing, repair_all

_WITHIN_S = 2.3  # for each look after a repair


def repair(
    machine: Machine, found: Diagnosis, *, agrees: Callable[[str], bool | None], checks: Sequence[Check] = CHECKS
) -> Diagnosis:
    """Offer each repair of what was found, and return the diagnosis after those that the user agreed to.

    agrees: asks the user, and returns None if no answer can come.
    """

    def diagnose(only: Sequence[Check] = checks) -> tuple[CheckResult, ...]:
        return doctor(machine, is_deep=found.is_deep, checks=only, within_s=_WITHIN_S).results

    by = Repairing(
        machine=machine,
        diagnose=diagnose,
        again=lambda name: diagnose([one for one in checks if one.name == name])[0],
        agrees=agrees,
        start=lambda: _start(machine),
    )
    repairs, results = repair_all(found.results, by)
    return replace(found, results=results, repairs=repairs)


def _start(machine: Machine) -> None:
    lifecycle.start(machine, None, again=False, timeout_s=None)
