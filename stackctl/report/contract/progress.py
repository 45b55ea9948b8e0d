"""What happens meanwhile: a line each on stderr, with `--progress json`."""

from typing import Annotated, Literal, TypedDict

from stackctl.errors import Kind


class Told(TypedDict):
    """Something that happens or is worth knowing."""

    time: Annotated[str, "ISO 8601, UTC"]
    event: Annotated[
        Literal["step", "note", "warning", "command", "waiting"],
        "step: a new part of the work begins; command: one that is run (-v); waiting: what is waited for",
    ]
    message: str


class Progress(TypedDict):
    """How far a long piece of work is, at most once a second."""

    time: Annotated[str, "ISO 8601, UTC"]
    event: Literal["progress"]
    message: str
    done_bytes: Annotated[int | None, "null: the work is not counted in bytes"]
    total_bytes: Annotated[int | None, "null: not known"]


class Error(TypedDict):
    """Why the command fails; for smoke, one of these a failed check."""

    time: Annotated[str, "ISO 8601, UTC"]
    event: Literal["error"]
    kind: Kind
    message: str
    hint: str | None
    evidence: list[str]
    exit_code: int
    issue: Annotated[str | None, "the name of the page that explains it: `stackctl explain ISSUE`"]
