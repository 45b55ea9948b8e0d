"""Runs the doctor's checks beside each other, and ends in time whatever hangs."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from stackctl.contracts.finding import CheckResult
from stackctl.errors import StackctlError
from stackctl.steps.doctor.check import Check, Looks

LATE = "it did not end in time"
NEEDS_CONTAINER = "tried in a container by `stackctl doctor --deep`"


def run_checks(
    checks: Sequence[Check], looks: Looks, *, until: float, deep_until: float, clock: Callable[[], float]
) -> tuple[CheckResult, ...]:
    """Return the result of each check, in their order; one that has not ended by `until` (of the clock) is late.

    deep_until: the same for checks that need a container. A late check's thread continues until the program ends: what
    it waits for can't be interrupted. Raises the error of a check that has a bug.
    """
    ended = _Ended()
    threads = [(threading.Thread(target=_run, args=(one, looks, ended), daemon=True), one) for one in checks]
    for thread, _ in threads:
        thread.start()
    for thread, one in threads:
        thread.join(max(0.0, (deep_until if one.is_deep and looks.is_deep else until) - clock()))
    if ended.bugs:
        raise ended.bugs[0]
    results = dict(ended.results)  # one that ends from now on is late all the same
    return tuple(
        replace(results.get(one.name) or _late(one), check=one.name, area=one.area or one.name) for one in checks
    )


@dataclass
class _Ended:
    """What the threads ended with. As a context of a thread's work it keeps the error that ends this."""

    results: dict[str, CheckResult] = field(default_factory=dict)
    bugs: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error:
            self.bugs.append(error)
        return True


def _run(check: Check, looks: Looks, ended: _Ended) -> None:
    with ended:
        ended.results[check.name] = _result(check, looks)


def _result(check: Check, looks: Looks) -> CheckResult:
    if check.is_deep and not looks.is_deep:
        return CheckResult(untried=NEEDS_CONTAINER)
    try:
        return check.run(looks)
    except StackctlError as error:
        return CheckResult(untried=error.message.partition("\n")[0])


def _late(check: Check) -> CheckResult:
    return CheckResult(findings=(check.late,) if check.late else (), untried=LATE)
