"""The order of what a doctor found, and the exit code of it all."""

from collections.abc import Iterable

from stackctl.contracts.finding import CheckResult, Finding
from stackctl.errors import exit_code_of
from stackctl.issues import ISSUES


def rank(results: Iterable[CheckResult]) -> tuple[Finding, ...]:
    """Return all findings, the one to repair first in front: failures before warnings, each from the ground up."""
    order = {issue: at for at, issue in enumerate(ISSUES)}
    found = (one for result in results for one in result.findings)
    return tuple(sorted(found, key=lambda one: (one.severity != "failure", order[one.issue])))


def exit_code(findings: tuple[Finding, ...]) -> int:
    """Return the exit code of the worst failure, which is the first; 0 if there are warnings alone."""
    failures = [one for one in findings if one.severity == "failure"]
    return exit_code_of(ISSUES[failures[0].issue].kind) if failures else 0
