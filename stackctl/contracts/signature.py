"""What is known of the lines that a program logs: those that stand for a cause, and those of a start that succeeded."""

import re
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Final, Literal

from stackctl.contracts.cause import Cause

# "start": the program ends or never becomes ready; "run": something fails while the program keeps running
When = Literal["start", "run"]
_SAID: Final = 160  # characters of a line that stand in a cause


@dataclass(frozen=True, kw_only=True)
class Signature:
    """Lines that stand for a cause; exact: the case of their letters counts, as it must for what ends a deploy.

    marks: one of them stands in the line; pattern: a regular expression that it must match as well, whose groups fill
    the {} of the cause's text; unless: none of them stands in the line. No pattern repeats a repetition.
    """

    marks: tuple[str, ...]
    cause: Cause
    pattern: str = ""
    unless: tuple[str, ...] = ()
    when: When = "start"
    exact: bool = False

    @cached_property
    def low_marks(self) -> tuple[str, ...]:
        return tuple(mark.lower() for mark in self.marks)

    @cached_property
    def _low_unless(self) -> tuple[str, ...]:
        return tuple(mark.lower() for mark in self.unless)

    def read(self, line: str) -> Cause | None:
        """Return the cause that a line stands for; None if it stands for none of this signature's."""
        low = line.lower()
        has_mark = any(mark in line for mark in self.marks) if self.exact else any(one in low for one in self.low_marks)
        if not has_mark or any(mark in low for mark in self._low_unless):
            return None
        if not self.pattern:
            return self.cause
        found = _compiled(self.pattern).search(line)
        if not found:
            return None
        said = [one.strip()[:_SAID] for one in found.groups(default="")]
        return replace(self.cause, says=self.cause.says.format(*said)) if said else self.cause


@dataclass(frozen=True, kw_only=True)
class ProgramLog:
    """A program as its log shows it; each tuple but the last has pieces of lines.

    own: it alone writes them; begins: with them a start begins; ready: they follow a start that succeeded; harmless:
    they look like failures and are none. quotes: a pattern of the beginning of a line that quotes a model's own texts;
    is_around: its lines may stand in the log of any other program.
    """

    program: str
    own: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()
    ready: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()
    quotes: str = ""
    signatures: tuple[Signature, ...] = ()
    is_around: bool = False

    @cached_property
    def low_harmless(self) -> tuple[str, ...]:
        return tuple(mark.lower() for mark in self.harmless)


def first_cause(signatures: tuple[Signature, ...], line: str) -> Cause | None:
    """Return the cause of the first signature that a line matches; None if it matches none."""
    return next((cause for one in signatures if (cause := one.read(line))), None)


def exactly(*signatures: Signature) -> tuple[Signature, ...]:
    """Return the signatures with marks in which the case of letters counts."""
    return tuple(replace(one, exact=True) for one in signatures)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
