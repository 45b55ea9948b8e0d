"""What `stackctl doctor` prints."""

from typing import Annotated, Literal, TypedDict


class Finding(TypedDict):
    """An issue that is there, the one to repair first in front."""

    issue: Annotated[str, "its stable name; `stackctl explain NAME` shows its page"]
    severity: Annotated[Literal["failure", "warning"], "a failure keeps the stack from working"]
    context: Annotated[str | None, "what it is about: a path, a port, a service; null: the whole machine"]
    title: Annotated[str, "what the issue is, whatever was seen of it here"]
    message: Annotated[str, "what was seen here"]
    hint: Annotated[str, "what repairs it"]
    evidence: Annotated[list[str], "lines of a file, a log or another program that show it"]
    fixable: Annotated[bool, "`stackctl doctor --fix` offers to repair it"]
    exit_code: Annotated[int | None, "of a failure; null: a warning has none"]


class Check(TypedDict):
    """One thing that was looked at."""

    name: str
    area: str
    state: Literal["passed", "warned", "failed", "not_tried"]
    message: Annotated[str | None, "what was seen if all is well, or why it was not tried"]


class Diagnosis(TypedDict):
    """What is wrong, and all that was looked at."""

    version: Literal[1]
    findings: list[Finding]
    checks: list[Check]
    deep: Annotated[bool, "containers were tried, too"]
    next: Annotated[str | None, "the one thing to do next; null: there is nothing"]
    exit_code: Annotated[int, "the command's own: that of the worst failure, 0 if there are warnings alone"]
