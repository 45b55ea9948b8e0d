"""A command that failed."""

from typing import Annotated, Literal, TypedDict

from stackctl.errors import Kind


class Problem(TypedDict):
    """An error: `kind` is for scripts, `message` and `hint` are for people."""

    kind: Kind | Literal["usage"]
    message: Annotated[str, "what is wrong"]
    hint: Annotated[str | None, "what to do next"]
    evidence: Annotated[list[str], "lines of a log, or of another program, that show it"]
    exit_code: int
    issue: Annotated[str | None, "the name of the page that explains it: `stackctl explain ISSUE`"]


class Failure(Problem):
    """The same of a whole command."""

    rolled_back: Annotated[bool | None, "whether what ran before runs again; null: there was nothing to go back to"]


class Declined(TypedDict):
    """What a command prints that asked a question and was answered no; the exit code is 0."""

    version: Literal[1]
    declined: Literal[True]


class Failed(TypedDict):
    """What any command prints instead of its result when it fails."""

    version: Literal[1]
    error: Failure
