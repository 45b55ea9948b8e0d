"""The page of an issue, as plain text for a terminal."""

from stackctl.issues.issue import Issue
from stackctl.terminal import wrapped

_WIDTH = 100


def issue_page(issue: Issue) -> str:
    """Return what docs/issues/ID.md says, for a terminal: title, meaning, how it is found out, repair and way back."""
    parts = (
        ("", issue.meaning),
        ("How stackctl finds it out", issue.seen),
        ("What to do", issue.repair),
        ("The way back", issue.undo),
    )
    ends = "a warning" if issue.is_warning else f"exit code {issue.exit_code}"
    head = f"{issue.id}: {issue.title} ({ends})"
    blocks = [head, *(_block(title, text) for title, text in parts if text)]
    if issue.sources:
        blocks.append("\n".join(("Sources", *(f"  {one}" for one in issue.sources))))
    return "\n\n".join(blocks)


def _block(title: str, text: str) -> str:
    """Return a part below its title."""
    indent = "  " if title else ""
    lines = [line for one in text.splitlines() for line in wrapped(indent + one, _WIDTH)]
    return "\n".join((title, *lines) if title else lines)
