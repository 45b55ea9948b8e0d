"""A smoke run for GitHub Actions: the job's summary in Markdown, and one annotation a failure."""

from collections.abc import Sequence
from typing import Final

from stackctl.core.smoke.result import Outcome, Smoked

_SIGNS: Final = {"passed": "✅ passed", "failed": "❌ failed", "not run": "➖ not run"}


def summary(smoked: Smoked) -> str:
    """Return a heading, a table of the checks, a table of the routes, and the evidence of each failure."""
    verdict = f"{len(smoked.failed)} failed" if smoked.failed else "passed"
    lines = [f"## stackctl smoke: {_cell(smoked.name)} {verdict}", ""]
    rows = [(one.name, _SIGNS[one.status], f"{one.seconds:.2f} s", one.says) for one in smoked.outcomes]
    lines += _table(("check", "result", "time", "what"), rows)
    if smoked.ways:
        ways = [
            (way.source, way.target, way.address, way.expected, way.seen if way.is_right else f"❌ {way.seen}")
            for way in smoked.ways
        ]
        lines += ["", *_table(("from", "to", "address", "planned", "seen"), ways)]
    for one in smoked.failed:
        lines += ["", *_failure(one)]
    return "\n".join(lines) + "\n"


def annotations(smoked: Smoked) -> str:
    """Return workflow commands, one for each failure.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    return "".join(
        f"::error title={_property(f'stackctl smoke: {one.name}')}::{_data(_words(one))}\n" for one in smoked.failed
    )


def _words(one: Outcome) -> str:
    hint = one.error.hint if one.error else ""
    return f"{one.says}\nhint: {hint}" if hint else one.says


def _failure(one: Outcome) -> Sequence[str]:
    hint = one.error.hint if one.error else ""
    evidence = "\n".join(one.error.evidence if one.error else ()).splitlines()
    # indented, so that no text can end the block
    return (f"**{one.name}**: {_cell(hint)}", *(("", *(f"    {line}" for line in evidence)) if evidence else ()))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = (head, ("---",) * len(head), *rows)
    return ["| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines]


def _cell(text: str) -> str:
    """Return a program's text without markup, in one line."""
    for sign, safe in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("`", "\\`"), ("*", "\\*"), ("_", "\\_")):
        text = text.replace(sign, safe)
    return " ".join(text.split())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
