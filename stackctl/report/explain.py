"""The result of `explain` as text and as JSON."""

from typing import TYPE_CHECKING

from stackctl.terminal import page_line, shown_in_line, wrapped

if TYPE_CHECKING:
    from stackctl.commands.explain import Explained
    from stackctl.core.explain.explanation import Explanation, Found
    from stackctl.core.explain.lines import Line
    from stackctl.issues.issue import Issue
    from stackctl.report.contract import explain as contract

_WIDTH = 100
_SHOWN = 300  # characters of a line
_EMPTY = (
    "the text is empty: there was nothing to read",
    "hint: Add what the command writes to stderr: `COMMAND 2>&1 | stackctl explain -`.",
)
_ASK = (
    "Ask where the program is made, with the whole log: its issues on GitHub, and `stackctl doctor` looks at this "
    "machine. If a stack was changed before, `stackctl diff` shows what differs."
)


def explained(done: "Explained | Issue") -> "tuple[str, contract.Explained | contract.IssuePage]":
    """Return the cause, what to do, and the lines that show it; of an issue its page."""
    from stackctl.issues.issue import Issue

    if isinstance(done, Issue):
        return _issue(done)
    about = done.explanation
    lines = [*_state(about)] if done.log.head.strip() else [*_EMPTY]
    if done.log.tail:
        lines += ["", *_text(f"The log is long ({done.log.size >> 20} MiB): its beginning and its end were read.")]
    return "\n".join(lines), _values(done)


def _state(about: "Explanation") -> list[str]:
    if about.state == "healthy":
        none = "no failure stands in this text, and it is no log of a program that stackctl knows"
        return [_whose(about, "no failure stands in this log") if about.programs else none]
    if about.state == "explained" and about.found:
        lines = _cause(about.found)
        for one in about.further:
            lines += ["", *_text(f"also: {one.program}: {one.cause.says}"), *_text(f"hint: {one.cause.hint}")]
            lines += [f"  {_place(one)}{shown_in_line(one.text)}"]
        return lines
    lines = [_whose(about, "not known: this log fails in a way that stackctl does not know")]
    if about.found:
        lines += _text(f"it says only: {about.found.cause.says}")
        lines += _text(f"hint: {about.found.cause.hint}")
    if about.suspicious:
        lines += [
            "",
            "lines that look like errors, the last of them:",
            *(f"  {_numbered(one)}" for one in about.suspicious),
        ]
    return [*lines, "", *_text(_ASK)]


def _whose(about: "Explanation", says: str) -> str:
    return f"{about.programs[0]}: {says}" if about.programs else says


def _cause(found: "Found") -> list[str]:
    whose = f"{found.program} ({found.service})" if found.service else found.program
    lines = [*_text(f"{whose}: {found.cause.says}"), *_text(f"hint: {found.cause.hint}")]
    lines += [page_line(found.cause.issue), ""]
    for text in found.evidence:
        mark = _place(found) if text == found.text else ""
        lines.append(f"  {mark}{shown_in_line(text)}")
    return [*lines, "", f"source: {found.cause.source}"]


def _place(found: "Found") -> str:
    return f"line {found.line}: " if found.line else ""


def _numbered(line: "Line") -> str:
    text = shown_in_line(line.text.strip()[:_SHOWN])
    return f"line {line.number}: {text}" if line.number else text


def _text(text: str) -> list[str]:
    return wrapped(shown_in_line(text), _WIDTH)


def _values(done: "Explained") -> "contract.Explained":
    about = done.explanation
    return {
        "version": 1,
        "log": done.log.name,
        "size_bytes": done.log.size,
        "lines": done.lines,
        "is_cut": bool(done.log.tail),
        "state": about.state,
        "programs": list(about.programs),
        "found": _found(about.found) if about.found else None,
        "further": [_found(one) for one in about.further],
        "suspicious": [{"line": one.number or None, "text": one.text.strip()[:_SHOWN]} for one in about.suspicious],
    }


def _found(found: "Found") -> "contract.LogCause":
    return {
        "cause": found.cause.says,
        "hint": found.cause.hint,
        "issue": found.cause.issue,
        "source": found.cause.source,
        "program": found.program,
        "service": found.service or None,
        "line": found.line or None,
        "text": found.text,
        "evidence": list(found.evidence),
    }


def _issue(issue: "Issue") -> "tuple[str, contract.IssuePage]":
    from stackctl.report.issue_page import issue_page

    values: contract.IssuePage = {
        "version": 1,
        "issue": issue.id,
        "title": issue.title,
        "kind": issue.kind,
        "exit_code": issue.exit_code,
        "meaning": issue.meaning,
        "seen": issue.seen,
        "repair": issue.repair,
        "undo": issue.undo,
        "sources": list(issue.sources),
    }
    return issue_page(issue), values
