"""Lines of logs as public threads show them, each with its address and the issues that name its cause.

A row begins with "## ADDRESS | ISSUES", where ISSUES are ids with / between them. "?" stands for a log that names no
cause, which is called not known; "-" for one in which nothing fails.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stackctl.commands.explain import explain_log
from stackctl.core.explain.explanation import Explanation
from stackctl.core.explain.log_text import LogText

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Row:
    address: str
    issues: tuple[str, ...]
    text: str


def rows(name: str) -> Iterator[Row]:
    """Every row of a file."""
    for block in (HERE / name).read_text(encoding="utf-8").removeprefix("## ").split("\n## "):
        head, _, text = block.partition("\n")
        address, _, issues = head.rpartition(" | ")
        yield Row(address=address, issues=tuple(issues.strip().split("/")), text=text.strip("\n"))


def explanation(text: str) -> Explanation:
    return explain_log(LogText(name="a.log", head=text)).explanation


def verdict(row: Row) -> str:
    """right, wrong, or unknown: a cause is named that is not the row's, or none is."""
    found = explanation(row.text)
    if found.state == "explained" and found.found:
        return "right" if found.found.cause.issue in row.issues else "wrong"
    expected = "-" if found.state == "healthy" else "?"
    return "right" if expected in row.issues else "unknown"
