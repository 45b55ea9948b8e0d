"""Undoes changes to a text that others may have edited since."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, kw_only=True)
class Undone:
    """A text without the changes. edited: the numbers, from 1 on, of lines that others wrote since."""

    text: str
    edited: tuple[int, ...]


def undo(before: str, written: str, now: str) -> Undone:
    """Return `now` with every change from `before` to `written` undone, except where others edited the same lines.

    A change stays as a whole if an edit touches one of its lines: half of it would be a text that no one wrote.
    """
    ours, theirs = _changes(written, before), _changes(written, now)
    kept = [one for one in ours if not any(_meet(one, other) for other in theirs)]
    base, made, edited = written.splitlines(keepends=True), list[str](), list[int]()
    at = 0
    for change in sorted([*kept, *theirs], key=lambda one: (one.start, one.end)):
        made += base[at : change.start]
        if change in theirs:
            edited += range(len(made) + 1, len(made) + 1 + max(1, len(change.lines)))
        made += change.lines
        at = change.end
    made += base[at:]
    return Undone(text="".join(made), edited=tuple(one for one in edited if one <= len(made)))


@dataclass(frozen=True)
class _Change:
    """The lines from start to end of a text are replaced by these."""

    start: int
    end: int
    lines: Sequence[str]


def _changes(old: str, new: str) -> list[_Change]:
    was, now = old.splitlines(keepends=True), new.splitlines(keepends=True)
    opcodes = SequenceMatcher(None, was, now, autojunk=False).get_opcodes()
    return [_Change(i1, i2, now[j1:j2]) for tag, i1, i2, j1, j2 in opcodes if tag != "equal"]


def _meet(one: _Change, other: _Change) -> bool:
    """Return whether two changes touch the same lines, or add lines at the same place."""
    if one.start == one.end and other.start == other.end:
        return one.start == other.start
    return one.start < other.end and other.start < one.end
