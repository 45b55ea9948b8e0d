"""What a log explains: the cause that stands in it, where it stands, and what else does.

The line that says why takes precedence over the one that says only that something failed; a failure after which the
program started well is over; and what is not known is called so.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import ProgramLog, Signature, When
from stackctl.core.explain.lines import Line

State = Literal["explained", "unknown", "healthy"]
Fatal = Callable[[str], Cause | None]
_FURTHER: Final = 3  # causes beside the first
_SUSPICIOUS: Final = 5  # lines that are shown where the cause is not known
_SHOWN: Final = 300  # characters of a line
_LOOKS_BAD: Final = re.compile(
    r"\b(?:error|fatal|failed|failure|exception|traceback|panic|abort(?:ed)?|segfault|denied|cannot|can't|couldn't|could not"
    r"|unable to|refused|killed|core dumped|invalid|not found|unsupported|no such|exited with code [1-9]\d{0,2})\b|\w(?:Error|Exception):",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A program's log, and what ends a start of it as deploy knows it (contracts/judge.py)."""

    log: ProgramLog
    fatal: Fatal | None = None


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


def explain(lines: Sequence[Line], readers: Sequence[Reader]) -> Explanation:
    """Return what these lines explain, by what is known of the programs."""
    text = "\n".join(line.text.lower() for line in lines)
    programs = _recognised(text, readers)
    asked = _asked(programs, readers, text)
    seen = [*_seen(lines, asked)]
    if not text.strip():
        return Explanation(state="healthy")
    names = tuple(one.log.program for one in programs)
    last = {one.log.program: _last_ready(lines, one.log) for one in asked}
    seen = [found for one in seen if (found := _still(one, last.get(one.program, -1)))]
    main = _main(seen, _beginnings(lines, asked))
    bad = _suspicious(lines, asked, max(last.values(), default=-1))
    if main is None:
        return Explanation(state="unknown" if bad else "healthy", programs=names, suspicious=bad)
    found = _found(lines, main)
    if main.cause.is_generic:
        return Explanation(state="unknown", programs=names, found=found, suspicious=bad)
    return Explanation(state="explained", programs=names, found=found, further=_further(lines, seen, main))


def _recognised(text: str, readers: Sequence[Reader]) -> list[Reader]:
    """Return the programs that wrote the lines, the surest first."""
    counts = [(sum(mark.lower() in text for mark in one.log.own), one) for one in readers]
    return [one for count, one in sorted(counts, key=lambda pair: -pair[0]) if count]


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A reader with the signatures of which a mark stands in the log."""

    log: ProgramLog
    fatal: Fatal | None
    signatures: tuple[Signature, ...]


def _asked(programs: Sequence[Reader], readers: Sequence[Reader], text: str) -> list[_Asked]:
    always = [one for one in readers if not one.log.own]
    found = []
    for one in [*(programs or readers), *(always if programs else ())]:
        present = tuple(sig for sig in one.log.signatures if any(mark in text for mark in sig.low_marks))
        found.append(_Asked(log=one.log, fatal=one.fatal, signatures=present))
    return found


def _seen(lines: Sequence[Line], asked: Sequence[_Asked]) -> Iterator[_Seen]:
    """Yield the cause of each line that stands for one; a line that is repeated is judged once."""
    known: dict[str, tuple[Cause, str, When] | None] = {}
    for at, line in enumerate(lines):
        if line.text not in known:
            known[line.text] = _judge(line.text, asked)
        if found := known[line.text]:
            yield _Seen(at=at, cause=found[0], program=found[1], when=found[2])


def _judge(text: str, asked: Sequence[_Asked]) -> tuple[Cause, str, When] | None:
    generic: tuple[Cause, str, When] | None = None
    low = text.lower()
    if any(re.match(one.log.quotes, text) for one in asked if one.log.quotes):
        return None
    for one in asked:
        if any(mark.lower() in low for mark in one.log.harmless):
            return None
    for one in asked:
        for cause, when in _causes(text, one):
            if not cause.is_generic:
                return cause, one.log.program, when
            generic = generic or (cause, one.log.program, when)
    return generic


def _causes(text: str, asked: _Asked) -> Iterator[tuple[Cause, When]]:
    for signature in asked.signatures:
        if cause := signature.read(text):
            yield cause, signature.when
    if asked.fatal and (cause := asked.fatal(text)):
        yield cause, "start"


def _last_ready(lines: Sequence[Line], log: ProgramLog) -> int:
    """Return the place of the last line of a start that succeeded; -1 if there is none."""
    marks = [mark.lower() for mark in log.ready]
    places = (at for at in range(len(lines) - 1, -1, -1) if any(mark in lines[at].text.lower() for mark in marks))
    return next(places, -1) if marks else -1


def _still(seen: _Seen, ready: int) -> _Seen | None:
    """Return a cause that is not over: the program did not start well after it, or does without its GPU since."""
    if seen.when == "run" or seen.at > ready:
        return seen
    if seen.cause.kind == "gpu" and not seen.cause.is_generic:
        return _Seen(at=seen.at, cause=seen.cause, program=seen.program, when="run")
    return None


def _beginnings(lines: Sequence[Line], asked: Sequence[_Asked]) -> list[int]:
    marks = [mark.lower() for one in asked for mark in one.log.begins]
    return [0, *(at for at, line in enumerate(lines) if any(mark in line.text.lower() for mark in marks))]


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


def _suspicious(lines: Sequence[Line], asked: Sequence[_Asked], ready: int) -> tuple[Line, ...]:
    """Return the last lines that look like errors, behind the last start that succeeded."""
    harmless = [mark.lower() for one in asked for mark in one.log.harmless]
    quotes = [one.log.quotes for one in asked if one.log.quotes]
    found: dict[str, Line] = {}
    for line in reversed(lines[ready + 1 :]):
        low = line.text.lower()
        if not _LOOKS_BAD.search(line.text) or any(mark in low for mark in harmless):
            continue
        if line.text not in found and not any(re.match(one, line.text) for one in quotes):
            found[line.text] = line
        if len(found) == _SUSPICIOUS:
            break
    return tuple(reversed(found.values()))
