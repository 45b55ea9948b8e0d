"""What `stackctl doctor` prints."""

from typing import Annotated, Literal, TypedDict

Outcome = Literal["repaired", "begun", "still_there", "failed", "declined", "not_asked", "needs_root"]


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


class Repair(TypedDict):
    """A repair that `--fix` offered."""

    issue: str
    context: str | None
    action: Annotated[str, "what it does, as a sentence"]
    outcome: Annotated[
        Outcome,
        "repaired: the same check passes; begun: the message says what is left to do; failed: it was taken back",
    ]
    message: str | None
    steps: Annotated[list[str], "commands, and clauses on what stackctl does itself"]
    undo: Annotated[list[str], "the commands of the way back, in order"]


class Diagnosis(TypedDict):
    """What is wrong, and all that was looked at."""

    version: Literal[1]
    repairs: Annotated[list[Repair], "in the order of their offers; the findings are those that are left after them"]
    findings: list[Finding]
    checks: list[Check]
    deep: Annotated[bool, "containers were tried, too"]
    next: Annotated[str | None, "the one thing to do next; null: there is nothing"]
    exit_code: Annotated[int, "the command's own: that of the worst failure, 0 if there are warnings alone"]
