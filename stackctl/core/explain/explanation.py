"""What a log explains: the cause that stands in it, where it stands, and what else does.

The line that says why takes precedence over the one that says only that something failed; a failure after which the
program started well is over; and what is not known is called so.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import ProgramLog, Signature, When
from stackctl.core.explain.lines import Line

State = Literal["explained", "unknown", "healthy"]
_FURTHER: Final = 3  # causes beside the first
_SUSPICIOUS: Final = 5  # lines that are shown where the cause is not known
_SHOWN: Final = 300  # characters of a line
_LOOKS_BAD: Final = re.compile(
    r"\b(?:error|fatal|failed|failure|exception|traceback|panic|abort(?:ed)?|segfault|denied|cannot|can't|couldn't"
    r"|could not|unable to|refused|killed|core dumped|invalid|not found|unsupported|no such"
    r"|unexpected|timed out|mismatch|corrupt(?:ed)?|crash(?:ed|es)?|terminat(?:ed|ing) |not permitted|out of memory"
    r"|exited with code [1-9]\d{0,2})\b|\w(?:Error|Exception):",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Found:
    """A cause in a log. line: its number, 0 if it is not known; evidence: it and the lines around it."""

    cause: Cause
    program: str
    line: int
    text: str
    service: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a log explains.

    found: the cause; if the state is unknown, what the log says of the failure, None for nothing; further: other causes
    in it; suspicious: the last lines that look like errors, where the cause is not known.
    """

    state: State
    programs: tuple[str, ...] = ()
    found: Found | None = None
    further: tuple[Found, ...] = ()
    suspicious: tuple[Line, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Seen:
    at: int  # its place among the lines
    cause: Cause
    program: str
    when: When

    @property
    def tier(self) -> int:
        return (2 if self.cause.is_generic else 0) + (1 if self.when == "run" else 0)


def explain(lines: Sequence[Line], logs: Sequence[ProgramLog]) -> Explanation:
    """Return what these lines explain, by what is known of the programs' logs."""
    low = [line.text.lower() for line in lines]
    text = "\n".join(low)
    programs = _recognised(text, logs)
    is_named = any(not one.is_around for one in programs)
    rest = (one for one in logs if one not in programs and (one.is_around or not is_named))
    asked = [*programs, *rest]
    seen = [*_seen(lines, low, asked, text)]
    last = {one.program: _last(low, one.ready) for one in asked}
    seen = [now for one in seen if (now := _still(one, last.get(one.program, -1)))]
    main = _main(seen, _beginnings(low, asked))
    bad = _suspicious(lines, low, asked, _ready_by_service(lines, last.values()))
    names = tuple(one.program for one in programs)
    if main is None:
        return Explanation(state="unknown" if bad else "healthy", programs=names, suspicious=bad)
    found = _found(lines, main)
    if main.cause.is_generic:
        return Explanation(state="unknown", programs=names, found=found, suspicious=bad)
    return Explanation(state="explained", programs=names, found=found, further=_further(lines, seen, main))


def _recognised(text: str, logs: Sequence[ProgramLog]) -> list[ProgramLog]:
    """Return the programs that wrote the lines, the surest first."""
    counts = [(sum(mark.lower() in text for mark in one.own), one) for one in logs]
    return [one for count, one in sorted(counts, key=lambda pair: -pair[0]) if count]


def _seen(lines: Sequence[Line], low: Sequence[str], asked: Sequence[ProgramLog], text: str) -> Iterator[_Seen]:
    """Yield the cause of each line that stands for one; a line that is repeated is judged once."""
    present = [
        (one, tuple(sig for sig in one.signatures if any(mark in text for mark in sig.low_marks))) for one in asked
    ]
    marks = {mark for _, some in present for sig in some for mark in sig.low_marks if mark in text}
    if not marks:
        return
    has_mark = re.compile("|".join(map(re.escape, sorted(marks))))
    known: dict[str, tuple[Cause, str, When] | None] = {}
    for at, line in enumerate(lines):
        if not has_mark.search(low[at]):
            continue
        if line.text not in known:
            known[line.text] = None if _is_harmless(line.text, low[at], asked) else _judge(line.text, present)
        if found := known[line.text]:
            yield _Seen(at=at, cause=found[0], program=found[1], when=found[2])


def _is_harmless(text: str, low: str, asked: Sequence[ProgramLog]) -> bool:
    """Return whether a line only looks like a failure, or quotes a text of a model's own."""
    if any(mark in low for one in asked for mark in one.low_harmless):
        return True
    return any(re.match(one.quotes, text) for one in asked if one.quotes)


def _judge(text: str, present: Sequence[tuple[ProgramLog, tuple[Signature, ...]]]) -> tuple[Cause, str, When] | None:
    """Return the first cause that says why, or else the first that says only that it failed."""
    generic: tuple[Cause, str, When] | None = None
    for one, signatures in present:
        for signature in signatures:
            if cause := signature.read(text):
                if not cause.is_generic:
                    return cause, one.program, signature.when
                generic = generic or (cause, one.program, signature.when)
    return generic


def _last(low: Sequence[str], marks: Sequence[str]) -> int:
    """Return the place of the last line with one of these marks; -1 if there is none."""
    if not marks:
        return -1
    has_mark = re.compile("|".join(re.escape(mark.lower()) for mark in marks))
    return next((at for at in range(len(low) - 1, -1, -1) if has_mark.search(low[at])), -1)


def _still(seen: _Seen, ready: int) -> _Seen | None:
    """Return a cause that is not over: the program did not start well after it, or does without its GPU since."""
    if seen.when == "run" or seen.at > ready:
        return seen
    if seen.cause.kind == "gpu" and not seen.cause.is_generic:
        return _Seen(at=seen.at, cause=seen.cause, program=seen.program, when="run")
    return None


def _beginnings(low: Sequence[str], asked: Sequence[ProgramLog]) -> list[int]:
    marks = [re.escape(mark.lower()) for one in asked for mark in one.begins]
    if not marks:
        return [0]
    has_mark = re.compile("|".join(marks))
    return [0, *(at for at, line in enumerate(low) if has_mark.search(line))]


def _main(seen: Sequence[_Seen], beginnings: Sequence[int]) -> _Seen | None:
    """Return the first cause of the last start that has one, of those that say most."""
    if not seen:
        return None
    best = min(one.tier for one in seen)
    if best == 1 and any(one.tier == 2 for one in seen):  # a start failed, and not by what failed while it ran
        best = 2
    those = [one for one in seen if one.tier == best]
    start = max((at for at in beginnings if at <= those[-1].at), default=0)
    return next(one for one in those if one.at >= start)


def _further(lines: Sequence[Line], seen: Sequence[_Seen], main: _Seen) -> tuple[Found, ...]:
    issues = {main.cause.issue}
    found = []
    for one in seen:
        if one.cause.issue not in issues and not one.cause.is_generic and one.at >= main.at:
            issues.add(one.cause.issue)
            found.append(_found(lines, one))
    return tuple(found[:_FURTHER])


def _found(lines: Sequence[Line], seen: _Seen) -> Found:
    line = lines[seen.at]
    around = (one.text.strip()[:_SHOWN] for one in lines[max(seen.at - 1, 0) : seen.at + 2])
    return Found(
        cause=seen.cause,
        program=seen.program,
        line=line.number,
        text=line.text.strip()[:_SHOWN],
        service=line.service,
        evidence=tuple(one for one in around if one),
    )


def _ready_by_service(lines: Sequence[Line], places: Iterable[int]) -> dict[str, int]:
    """Return each service -> the last line after which it had started well; "" for lines without a service."""
    found: dict[str, int] = {}
    for at in places:
        if at >= 0:
            found[lines[at].service] = max(at, found.get(lines[at].service, -1))
    return found


def _suspicious(
    lines: Sequence[Line], low: Sequence[str], asked: Sequence[ProgramLog], ready: Mapping[str, int]
) -> tuple[Line, ...]:
    """Return the last lines that look like errors, behind the last start of their service that succeeded."""
    found: dict[str, Line] = {}
    for at in range(len(lines) - 1, -1, -1):
        line = lines[at]
        if at <= ready.get(line.service, -1):
            continue
        if line.text in found or not _LOOKS_BAD.search(low[at]) or _is_harmless(line.text, low[at], asked):
            continue
        found[line.text] = line
        if len(found) == _SUSPICIOUS:
            break
    return tuple(reversed(found.values()))
