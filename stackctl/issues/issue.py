"""An issue: a fault that stackctl knows by name, with the page that explains it."""

from dataclasses import dataclass

from stackctl.errors import Kind


@dataclass(frozen=True, kw_only=True)
class Issue:
    """A fault by its stable id. The texts are sentences in Markdown, and stand on its page (docs/issues/ID.md).

    id: words joined by hyphens, which never change their meaning; title: a clause without a full stop; kind: it decides
    the exit code; meaning: what it means for the stack; seen: how stackctl finds it out; repair: what to do, with
    commands; undo: the way back from that, "" if there is nothing to take back; sources: addresses.
    """

    id: str
    title: str
    kind: Kind
    meaning: str = ""
    seen: str = ""
    repair: str = ""
    undo: str = ""
    sources: tuple[str, ...] = ()
