"""What `stackctl uninstall` prints."""

from typing import Annotated, Literal, TypedDict

from stackctl.report.contract.failure import Problem


class Thing(TypedDict):
    """One thing that is here because of stackctl."""

    kind: Literal["stacks", "images", "programs", "models", "files", "chats"]
    name: str
    place: Annotated[str | None, "where it is, and what else there is to say"]
    size_bytes: Annotated[int | None, "null: unknown; images may share some of it"]
    action: Annotated[Literal["removed", "kept", "failed"], "with --dry-run what would become of it"]
    reason: Annotated[str | None, "why it is kept, or could not be removed"]
    left: Annotated[list[str], "of removed chats: files in the stack's folder that are not stackctl's, and stay"]


class Uninstalled(TypedDict):
    """All that was found, and what became of it."""

    version: Literal[1]
    done: Annotated[bool, "false: --dry-run"]
    things: list[Thing]
    freed_bytes: Annotated[int, "of all that was removed, or would be"]
    problems: Annotated[list[Problem], "what could not be looked at or removed"]
    setup_commands: Annotated[list[str], "take back what `stackctl setup` added; they are not run"]
    remove_command: Annotated[str, "removes stackctl itself; it is not run"]
    exit_code: Annotated[int, "the command's own"]
