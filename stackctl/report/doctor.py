"""`doctor` as text and as JSON."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from stackctl.errors import exit_code_of
from stackctl.issues import ISSUES
from stackctl.terminal import cut, hanging, page_line, shown_in_line

if TYPE_CHECKING:
    from stackctl.commands.doctor import Diagnosis
    from stackctl.contracts.finding import CheckResult, Finding
    from stackctl.contracts.repair import Repaired
    from stackctl.report.contract import doctor as contract
    from stackctl.ui import Ui

ERROR, WARNING, OK, UNTRIED = "error", "warning", "ok", "not tried"
# what a line begins with -> its colour on a terminal (ECMA-48, SGR)
COLOURS: Final[Mapping[str, int]] = MappingProxyType(
    {rf"\d+\. {ERROR}:": 31, rf"\d+\. {WARNING}:": 33, rf"{OK} ": 32, f"{UNTRIED} ": 2}
)
_NOTHING_SAFE: Final = "nothing was repaired: stackctl repairs none of this by itself"
_WIDTH = 80
_MOST_EVIDENCE = 6  # lines
_LONGEST = 200  # cells of a line of evidence


def diagnosis(found: "Diagnosis", ui: "Ui", *, is_fixing: bool = False) -> "tuple[str, contract.Diagnosis]":
    """Return what is wrong, the worst first, then what is well and what was not tried, and last the next step.

    is_fixing: repairs were to be offered.
    """
    width = min(ui.columns or _WIDTH, _WIDTH)
    blocks = ["\n".join(line for one in found.repairs for line in _repair(one, width))]
    blocks += ["\n".join(_finding(at, one, width)) for at, one in enumerate(found.findings, 1)]
    blocks.append("\n".join(_areas(found.results, width)))
    blocks.append("\n".join(_verdict(found, width)))
    if is_fixing and not found.repairs:
        blocks[-1] += f"\n{_NOTHING_SAFE}"
    return "\n\n".join(filter(None, blocks)), _values(found)


def _finding(number: int, one: "Finding", width: int) -> Iterator[str]:
    kind = ERROR if one.severity == "failure" else WARNING
    says, *more = _message(one).splitlines()
    yield from hanging(f"{number}. {kind}: ", says, width)
    for line in (*(line.strip() for line in more), *one.evidence)[:_MOST_EVIDENCE]:
        yield f"   | {cut(shown_in_line(line), _LONGEST)}"
    yield from hanging("   hint: ", one.hint, width)
    if one.repair:
        yield "   or: `stackctl doctor --fix`"
    yield f"   {page_line(one.issue)}"


def _message(one: "Finding") -> str:
    """Return what was seen, with what it is about unless the words say that."""
    return one.says if one.context in one.says else f"{one.says} ({one.context})"


def _repair(one: "Repaired", width: int) -> Iterator[str]:
    yield from hanging(f"{one.outcome}: ", one.does, width)
    if one.says:
        yield from hanging("   ", one.says, width)
    for command in one.undo:  # a line to copy, which is not broken
        yield f"   to undo: {shown_in_line(command)}"


def _areas(results: "tuple[CheckResult, ...]", width: int) -> Iterator[str]:
    """Give a line for each area with what is well there, and then one for each reason why something was not tried."""
    areas = dict.fromkeys(one.area for one in results)
    room = max(map(len, areas), default=0)
    for area in areas:
        well = [one for one in results if one.area == area and one.state == "passed"]
        if says := "; ".join(_said(one) for one in well if one.says):
            yield from hanging(f"{OK}         {area:{room}}  ", says, width)
    reasons: dict[str, list[str]] = {}
    for one in results:
        if one.state == "not tried" and one.applies:
            reasons.setdefault(one.untried, []).append(one.check)
    for reason, names in reasons.items():
        yield from hanging(f"{UNTRIED}  ", f"{', '.join(names)}: {reason}", width)


def _said(one: "CheckResult") -> str:
    return one.says if one.check == one.area else f"{one.check}: {one.says}"


def _verdict(found: "Diagnosis", width: int) -> Iterator[str]:
    failures = sum(one.severity == "failure" for one in found.findings)
    warnings = len(found.findings) - failures
    kinds = ((failures, ERROR), (warnings, WARNING))
    counts = [f"{count} {kind}{'s' if count > 1 else ''}" for count, kind in kinds if count]
    works = "" if failures or found.late else ": nothing keeps the stack from working"
    nothing = f"found nothing wrong{' in what was tried' if found.late else ''}"
    yield f"found {' and '.join(counts)}{works}" if counts else nothing
    if found.late:
        checks = "1 check" if len(found.late) == 1 else f"{len(found.late)} checks"
        yield f"{checks} did not end in time: run it again later."
    if found.findings:
        head = "first: " if len(found.findings) > 1 else "next: "
        yield from hanging(head, found.findings[0].hint, width)


def _values(found: "Diagnosis") -> "contract.Diagnosis":
    return {
        "version": 1,
        "repairs": [_repair_values(one) for one in found.repairs],
        "findings": [_finding_values(one) for one in found.findings],
        "checks": [_check_values(one) for one in found.results],
        "deep": found.is_deep,
        "next": found.findings[0].hint if found.findings else None,
        "exit_code": found.exit_code,
    }


def _finding_values(one: "Finding") -> "contract.Finding":
    issue = ISSUES[one.issue]
    return {
        "issue": one.issue,
        "severity": one.severity,
        "context": one.context or None,
        "title": issue.title,
        "message": one.says,
        "hint": one.hint,
        "evidence": list(one.evidence),
        "fixable": one.repair is not None,
        "exit_code": exit_code_of(issue.kind) if one.severity == "failure" else None,
    }


def _repair_values(one: "Repaired") -> "contract.Repair":
    return {
        "issue": one.issue,
        "context": one.context or None,
        "action": one.does,
        "outcome": cast("contract.Outcome", one.outcome.replace(" ", "_")),
        "message": one.says or None,
        "steps": list(one.commands),
        "undo": list(one.undo),
    }


def _check_values(one: "CheckResult") -> "contract.Check":
    return {
        "name": one.check,
        "area": one.area,
        "state": "not_tried" if one.state == "not tried" else one.state,
        "message": one.says or one.untried or None,
    }
