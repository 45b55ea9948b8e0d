"""What a check found on this machine: issues, each with what shows it and what repairs it."""

from dataclasses import dataclass
from typing import Literal

from stackctl.contracts.repair import Repair
from stackctl.errors import StackctlError

# a failure keeps the stack from working; with a warning it works, but not as it could or not for long
Severity = Literal["failure", "warning"]
State = Literal["passed", "warned", "failed", "not tried"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """An issue that is there.

    issue: its id in ISSUES; context: the thing that it is about (a path, a port, a service), "" for the whole machine;
    says: a clause on what was seen, with names and values; hint: the action that repairs it, with its command.
    """

    issue: str
    says: str
    hint: str
    severity: Severity = "failure"
    context: str = ""
    evidence: tuple[str, ...] = ()  # lines of a file, a log or another program that show it
    repair: Repair | None = None


def finding_of(error: StackctlError, *, context: str = "") -> Finding:
    """Return an error as a finding."""
    return Finding(issue=error.issue, says=error.message, hint=error.hint, context=context, evidence=error.evidence)


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The result of one check. says: a clause on what was seen if all is well; untried: why nothing was looked at.

    applies: False where there is nothing here that the check is about, which the text leaves out; check, area: the
    check's stable name, and what it is about; whoever runs the checks writes them in.
    """

    findings: tuple[Finding, ...] = ()
    says: str = ""
    untried: str = ""
    applies: bool = True
    check: str = ""
    area: str = ""

    @property
    def state(self) -> State:
        severities = {one.severity for one in self.findings}
        if "failure" in severities:
            return "failed"
        if severities:
            return "warned"
        return "not tried" if self.untried else "passed"
