"""What `explain` prints."""

from typing import Annotated, Literal, TypedDict


class LogCause(TypedDict):
    """A cause that stands in a log."""

    cause: Annotated[str, "what happened, as a clause"]
    hint: Annotated[str, "what to do"]
    issue: Annotated[str, "the id of the page that explains it"]
    source: Annotated[str, "where the words are known from: an address, or a file of the program's sources"]
    program: Annotated[str, "whose words they are"]
    service: Annotated[str | None, "as Compose or the journal names it"]
    line: Annotated[int | None, "its number, from 1 on; null: the middle of the log was left out before it"]
    text: Annotated[str, "the line itself"]
    evidence: Annotated[list[str], "it and the lines around it"]


class SuspiciousLine(TypedDict):
    """A line that looks like an error."""

    line: int | None
    text: str


class Explained(TypedDict):
    """What a log explains."""

    version: Literal[1]
    log: Annotated[str, "its file, or stdin"]
    size_bytes: int
    lines: Annotated[int, "those that were read"]
    is_cut: Annotated[bool, "only its beginning and its end were read"]
    state: Annotated[
        Literal["explained", "unknown", "healthy"],
        "unknown: why it fails is not known; healthy: it does not",
    ]
    programs: Annotated[list[str], "whose log it is, the surest first"]
    found: Annotated[LogCause | None, "the cause; if the state is unknown, what the log says of the failure"]
    further: Annotated[list[LogCause], "other causes that stand in it"]
    suspicious: Annotated[list[SuspiciousLine], "the last lines that look like errors, if the cause is not known"]


class IssuePage(TypedDict):
    """The page of an issue."""

    version: Literal[1]
    issue: str
    title: str
    kind: str
    exit_code: Annotated[int | None, "of a command that fails by it; null: it is a warning, and no command fails"]
    meaning: str
    seen: Annotated[str, "how stackctl finds it out"]
    repair: str
    undo: str
    sources: list[str]
