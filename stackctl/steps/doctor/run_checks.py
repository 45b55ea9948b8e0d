"""Runs the doctor's checks beside each other, and ends in time whatever hangs."""

import threading
from collections.abc import Callable, Sequence

from stackctl.contracts.finding import CheckResult
from stackctl.errors import StackctlError
from stackctl.steps.doctor.check import Check, Looks


def run_checks(
    checks: Sequence[Check], looks: Looks, *, until: float, clock: Callable[[], float]
) -> tuple[CheckResult, ...]:
    """Return the result of each check, in their order; one that has not ended by `until` (of the clock) is late.

    A late check's thread continues until the program ends: what it waits for can't be interrupted.
    """
    results: dict[str, CheckResult] = {}
    threads = [threading.Thread(target=_run, args=(one, looks, results), daemon=True) for one in checks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - clock()))
    ended = dict(results)  # one that ends from now on is late all the same
    return tuple(ended.get(one.name) or _late(one) for one in checks)


def _run(check: Check, looks: Looks, results: dict[str, CheckResult]) -> None:
    if check.is_deep and not looks.is_deep:
        results[check.name] = CheckResult(check=check.name, untried="it needs a container: `stackctl doctor --deep`")
        return
    try:
        results[check.name] = check.run(looks)
    except StackctlError as error:
        results[check.name] = CheckResult(check=check.name, untried=error.message)


def _late(check: Check) -> CheckResult:
    findings = (check.late,) if check.late else ()
    return CheckResult(check=check.name, findings=findings, untried="it did not end in time")
