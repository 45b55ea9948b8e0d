"""What is drawn again in its place, on a terminal that is played after ECMA-48 and xterm."""

import re

import pytest

from stackctl.terminal import Frame

ROWS = ["SERVICE   STATE", "llamacpp  running", "", "chat is ready"]


class Screen:
    """A terminal: lines of cells, and a cursor that stays in the last column until the next character wraps."""

    def __init__(self, columns: int, rows: int, above: tuple[str, ...] = ("$ stackctl status --watch",)) -> None:
        self.columns, self.rows = columns, rows
        self.lines = [*above, *[""] * (rows - len(above))]
        self.row, self.column = len(above), 0
        self.scrolled: list[str] = []

    def write(self, text: str) -> None:
        for number, kind, char in re.findall(r"\x1b\[(\d*)([A-Z])|(.)", text, re.DOTALL):
            match kind or char * 2:  # doubled, so that a character is no sequence
                case "A":
                    self.row = max(0, self.row - int(number))
                case "K":
                    self.lines[self.row] = self.lines[self.row][: self.column]
                case "J":
                    start = 0 if number == "2" else self.row
                    kept = "" if number == "2" else self.lines[self.row][: self.column]
                    self.lines[start:] = [kept, *[""] * (self.rows - start - 1)]
                case "H":
                    self.row = self.column = 0
                case "\r\r":
                    self.column = 0
                case "\n\n":
                    self._down()
                case one:
                    if self.column == self.columns:
                        self._down()
                    line = self.lines[self.row].ljust(self.column)
                    self.lines[self.row] = line[: self.column] + one[0] + line[self.column + 1 :]
                    self.column += 1

    def _down(self) -> None:
        self.row, self.column = self.row + 1, 0
        if self.row == self.rows:
            self.scrolled.append(self.lines.pop(0))
            self.lines.append("")
            self.row -= 1


def test_a_frame_takes_the_place_of_the_one_before_and_what_stood_above_stays() -> None:
    screen, frame = Screen(40, 12), Frame()
    for text in (ROWS, [*ROWS, "more"], ["SERVICE", "x"]):
        screen.write(frame.draw("\n".join(text), 40, 12))
        assert screen.lines[0] == "$ stackctl status --watch"
        assert screen.lines[1 : screen.row] == text
        assert not any(screen.lines[screen.row :])
    assert screen.scrolled == []


@pytest.mark.parametrize("columns", [8, 15, 17])
def test_a_line_is_cut_at_the_edge_and_none_wraps(columns: int) -> None:
    screen, frame = Screen(columns, 12, above=("$",)), Frame()
    for _ in range(3):
        screen.write(frame.draw("\n".join(ROWS), columns, 12))
    assert screen.lines[1 : screen.row] == [line[:columns] for line in ROWS]


def test_a_terminal_that_is_too_low_shows_the_beginning_and_says_so() -> None:
    screen, frame = Screen(40, 5), Frame()
    for _ in range(3):
        screen.write(frame.draw("\n".join(f"line {number}" for number in range(9)), 40, 5))
    assert screen.lines[: screen.row] == ["line 0", "line 1", "line 2", "(6 more lines)"]
    assert screen.scrolled == ["$ stackctl status --watch"]


def test_another_size_begins_again_on_a_clear_screen() -> None:
    screen, frame = Screen(40, 12), Frame()
    screen.write(frame.draw("\n".join(ROWS), 40, 12))
    screen.columns, screen.lines[1:3] = 10, ["SERVICE", "STATE"]  # it has wrapped them
    screen.write(frame.draw("\n".join(ROWS), 10, 12))
    assert screen.lines[: screen.row] == [line[:10] for line in ROWS]


def test_control_sequences_in_a_text_stay_without_effect() -> None:
    drawn = Frame().draw("a\x1b[5Ab\x1b]0;title\x07\tc", 40, 12)
    assert drawn == "\rab c\x1b[K\n\x1b[J"
