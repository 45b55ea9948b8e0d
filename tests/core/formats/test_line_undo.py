"""What was written is taken back; what somebody edited since stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.formats.line_undo import undo

BEFORE = "a\nb\nc\nd\n"
LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "x\n", "y\n"]), max_size=8).map("".join)


@pytest.mark.parametrize(
    ("written", "now", "text", "edited"),
    [
        ("a\nB\nc\nd\n", "a\nB\nc\nd\n", BEFORE, ()),
        ("a\nB\nc\nd\n", "a\nB\nc\nmine\n", "a\nb\nc\nmine\n", (4,)),
        ("a\nB\nc\nd\nnew\n", "mine\na\nB\nc\nd\nnew\n", "mine\n" + BEFORE, (1,)),
        ("a\nc\nd\n", "a\nc\nd\nmine\n", BEFORE + "mine\n", (5,)),
        ("a\nB\nc\nd\n", "a\nB # mine\nc\nd\n", "a\nB # mine\nc\nd\n", (2,)),
        ("a\nB\nC\nd\n", "a\nB\nmine\nd\n", "a\nB\nmine\nd\n", (3,)),
        ("a\nB\nc\nd\n", BEFORE, BEFORE, (2,)),
        (BEFORE, "a\nmine\n", "a\nmine\n", (2,)),
    ],
    ids=["untouched", "elsewhere", "above", "a removed line", "the same line", "the same change", "undone", "nothing"],
)
def test_only_what_was_written_is_taken_back(written: str, now: str, text: str, edited: tuple[int, ...]) -> None:
    found = undo(BEFORE, written, now)
    assert (found.text, found.edited) == (text, edited)


@given(before=LINES, written=LINES)
def test_a_text_that_nobody_edited_is_as_before(before: str, written: str) -> None:
    assert undo(before, written, written).text == before


@given(before=LINES, now=LINES)
def test_where_nothing_was_written_nothing_changes(before: str, now: str) -> None:
    assert undo(before, before, now).text == now


@given(before=LINES, written=LINES, mine=st.sampled_from(["mine\n", "more\n"]))
def test_a_line_that_somebody_added_is_never_lost(before: str, written: str, mine: str) -> None:
    for at in range(written.count("\n") + 1):
        lines = written.splitlines(keepends=True)
        assert mine in undo(before, written, "".join([*lines[:at], mine, *lines[at:]])).text
