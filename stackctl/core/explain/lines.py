"""The lines of a log without what other programs put around them: times, names of services, boxes, colours."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from stackctl.terminal import shown_in_line

_LONGEST: Final = 4000  # characters of a line that count
_TAIL: Final = 1000  # of them, those from its end
_MOST: Final = 24_000  # lines
# docker logs -t
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d) ")
# Docker Desktop
_DESKTOP: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?=[\w.-]{1,100} {1,60}\| )")
# docker compose logs
_SERVICE: Final = re.compile(r"([A-Za-z0-9][\w.-]{0,100}) {1,60}\| ?")
# journalctl, as in "Nov 30 12:00:00 host dockerd[12]: "
_JOURNAL: Final = re.compile(
    r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{8,30}) \S{1,80} ([\w.@/-]{1,100})(?:\[\d{1,9}\])?: "
)
_CHILD: Final = re.compile(r"\[\d{2,7}\] ")  # llama-server as a router
_QUOTED: Final = re.compile(r"(?:> ?){1,3}")
# Python's rich begins a record of text-generation-webui with its time, and indents the lines that it wraps
_RECORD: Final = re.compile(r"\d\d:\d\d:\d\d-\d{6} ")
_WRAPPED: Final = " " * 20


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a log. number: from 1 on, 0 if it is not known; service: as Compose or the journal names it."""

    number: int
    text: str
    service: str = ""


def read_lines(head: str, tail: str = "") -> tuple[Line, ...]:
    """Return the lines of a log, cleaned. tail: its end, where not all of it was read between."""
    found = [*_numbered(head, 1)]
    if tail:
        found += _numbered(tail, 0)
    if len(found) > _MOST:
        found = [*found[: _MOST // 4], *found[-(_MOST - _MOST // 4) :]]
    return tuple(_joined(found))


def _numbered(text: str, first: int) -> Iterator[Line]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > 2 * _MOST:  # so many are cut anyway
        numbers = [*range(_MOST), *range(len(lines) - _MOST, len(lines))]
    else:
        numbers = [*range(len(lines))]
    for at in numbers:
        yield clean_line(lines[at], at + 1 if first else 0)


def clean_line(raw: str, number: int = 0) -> Line:
    """Return one line as its program wrote it."""
    if len(raw) > _LONGEST:
        raw = raw[: _LONGEST - _TAIL] + " ... " + raw[-_TAIL:]
    raw = _logged(raw) if raw.startswith('{"log":') else raw
    text = shown_in_line(raw.replace("\x00", "")).rstrip()
    service = ""
    for pattern in (_QUOTED, _DESKTOP, _SERVICE, _TIME, _JOURNAL, _CHILD):
        if found := pattern.match(text):
            service = found[1] if found.lastindex else service
            text = text[found.end() :]
    if text.startswith(("│", "╭", "╰", "┃")):
        text = text.strip("│┃╭╰─╮╯ ")
    return Line(number=number, text=text, service=service)


def _logged(raw: str) -> str:
    """Return what a line of Docker's json-file driver logs."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return raw
    said = found.get("log") if isinstance(found, dict) else None
    return said.rstrip("\n") if isinstance(said, str) else raw


def _joined(lines: list[Line]) -> Iterator[Line]:
    """Join the lines that Python's rich wrapped."""
    last: Line | None = None
    for line in lines:
        if last and _RECORD.match(last.text) and line.text.startswith(_WRAPPED) and len(last.text) < _LONGEST:
            last = replace(last, text=f"{last.text.rstrip()} {line.text.strip()}")
            continue
        if last:
            yield last
        last = line
    if last:
        yield last
