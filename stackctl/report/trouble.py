"""What is wrong with something that is shown: as text and as JSON."""

from typing import TYPE_CHECKING

from stackctl.terminal import page_line

if TYPE_CHECKING:
    from stackctl.report.contract.stack import Trouble


def trouble_text(says: str, hint: str, issue: str) -> str:
    """Return what is wrong, what to do, and which page explains it, as an error shows them."""
    return f"{says}\nhint: {hint}" + (f"\n{page_line(issue)}" if issue else "")


def trouble_values(problem: str, hint: str, issue: str) -> "Trouble":
    """Return the same for a script."""
    return {"problem": problem, "hint": hint, "issue": issue}
