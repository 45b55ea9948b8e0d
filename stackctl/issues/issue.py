"""An issue: a fault that stackctl knows by name, with the page that explains it."""

from dataclasses import dataclass

from stackctl.errors import Kind, exit_code_of


@dataclass(frozen=True, kw_only=True)
class Issue:
    """A fault by its stable id. The texts are sentences in Markdown, and stand on its page (docs/issues/ID.md).

    id: words joined by hyphens, which never change their meaning; title: a clause without a full stop; kind: it decides
    the exit code; is_warning: no command fails by it; meaning: what it means for the stack; seen: how stackctl finds it
    out; repair: what to do, with commands; undo: the way back from that, "" if there is nothing to take back; sources:
    addresses.
    """

    id: str
    title: str
    kind: Kind
    is_warning: bool = False
    meaning: str = ""
    seen: str = ""
    repair: str = ""
    undo: str = ""
    sources: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int | None:
        """The exit code of a command that fails by it; None if none does."""
        return None if self.is_warning else exit_code_of(self.kind)
