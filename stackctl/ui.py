"""The only module that prints. Progress goes to stderr, results go to stdout, and secrets are never printed."""

import io
import json
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TextIO

from stackctl import outputs, terminal
from stackctl.errors import StackctlError
from stackctl.outputs import Output, can_write, written
from stackctl.secret import Secret, hidden

Progress = Literal["plain", "json", "none"]
PROGRESS: Final = ("plain", "json", "none")
PROGRESS_HELP: Final = "Show progress as plain, json or none [default: live on a terminal]."
Event = Literal["step", "note", "warning", "command", "waiting", "progress", "error"]

_WIDTH = 80  # cells of a terminal that does not tell its width
_MARK = "  … "
# the service's name and colour, which Compose itself puts before a line of a log
_PREFIX = re.compile(r"\x1b\[[0-9;]*m[\w. -]*\| \x1b\[0m", re.ASCII)
_QUIET_S = 10.0  # how often a changing status line is repeated where there is no terminal
_QUIET_AS_JSON_S = 1.0  # the same for a program that reads along


def columns(stream: TextIO | None = None) -> int | None:
    """Return the cells that a line may take in a stream, or in a result: COLUMNS says so for results."""
    said = os.environ.get("COLUMNS", "") if stream is None or stream.isatty() else ""
    return outputs.columns(said, stream or sys.stdout)


class Ui:
    """Print steps, notes, one live status line and errors; print results as text or JSON.

    `progress`: "plain" writes lines without control sequences, "json" one object per line, "none" warnings and errors
    only; None: a live status line on a terminal, else plain.
    `is_stream`: the command has several results; as JSON each of them is one line.
    """

    def __init__(self, *, as_json: bool = False, verbose: bool = False, progress: Progress | None = None) -> None:
        self.as_json, self.verbose = as_json, verbose
        self.is_stream, self.has_result = False, False
        self._err: TextIO = sys.stderr
        if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal without a character shows its number, as on stderr
            sys.stdout.reconfigure(errors="backslashreplace")
        self._status, self._shown_at, self._counted_at = "", 0.0, -_QUIET_S
        self._frame: terminal.Frame | None = None
        self.show_progress(progress)
        self._secrets: list[Secret] = []

    def show_progress(self, progress: Progress | None) -> None:
        """Set how progress is printed from now on."""
        self._progress = progress
        self._is_live = progress is None and self._err.isatty() and os.environ.get("TERM") != "dumb"
        self._has_style = self._is_live and not os.environ.get("NO_COLOR")

    @property
    def is_coloured(self) -> bool:
        """Whether results may have colours."""
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    @property
    def is_read(self) -> bool:
        """Return whether stdout still has a reader."""
        raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
        return not (isinstance(raw, Output) and raw.lost)

    def hide(self, secret: Secret) -> None:
        """Print *** instead of this text from now on."""
        if secret not in self._secrets:
            self._secrets.append(secret)

    def redacted(self, text: str) -> str:
        """Return a text as it may be shown, or written where others read it."""
        return hidden(text, self._secrets)

    def step(self, text: str) -> None:
        """Print the headline of a new part of the work."""
        if self._is_written("step", text):
            return
        text = terminal.shown_in_line(text)
        self._line(f"\033[1m{text}\033[0m" if self._has_style else text)

    def note(self, text: str) -> None:
        """Print something worth knowing."""
        if not self._is_written("note", text):
            self._lines(text)

    def warn(self, text: str) -> None:
        """Print something that the user may have to act on; the command continues."""
        if not self._is_written("warning", text):
            self._lines(f"note: {text}")

    def detail(self, text: str) -> None:
        """Print a command that is run, if --verbose was given."""
        if self.verbose and not self._is_written("command", text):
            self._line(f"  {terminal.shown_in_line(text)}")

    def status(self, text: str) -> None:
        """Print what is being waited for: on a terminal it replaces the last status, else each change is a line."""
        text = terminal.shown_in_line(self.redacted(text))
        if text == self._status:
            return
        mark = written(_MARK, self._err)
        if self._is_live:
            shown = terminal.first(text, self._columns() - len(mark) - 1)
            self._err.write(f"\r\033[2K{mark}{shown}")
            self._err.flush()
        elif time.monotonic() - self._shown_at > _QUIET_S or _kind(text) != _kind(self._status):
            if not self._is_written("waiting", text):
                self._err.write(f"{mark}{text}\n")
            self._shown_at = time.monotonic()
        self._status = text

    def progress(self, text: str, *, done_bytes: int | None = None, total_bytes: int | None = None) -> None:
        """Print how far a long piece of work is: live on a terminal, else every ten seconds; as JSON each second.

        `total_bytes`: 0 or None where it is not known.
        """
        now = time.monotonic()
        if self._progress == "json":
            if now - self._counted_at > _QUIET_AS_JSON_S:
                self._counted_at = now
                self._is_written("progress", text, done_bytes=done_bytes, total_bytes=total_bytes or None)
        elif self._is_live or now - self._shown_at > _QUIET_S:
            self._shown_at = 0.0
            self.status(text)
            self._shown_at = now

    def error(self, error: StackctlError, *, of: str = "") -> None:
        """Print an expected failure: what is wrong, what shows it, what to do, which page says more. `of`: whose."""
        message = f"{of}: {error.message}" if of else error.message
        more = {
            "kind": error.kind,
            "hint": error.hint or None,
            "evidence": error.evidence,
            "exit_code": error.exit_code,
            "issue": error.issue or None,
        }
        if self._is_written("error", message, **more):
            return
        self._prose("error: " + terminal.below(message), red="error: " if self._has_style else "")
        for line in error.evidence:
            for one in terminal.shown(line).splitlines() or ("",):
                self._line(f"  | {one}")
        if error.hint:
            self._prose(f"hint: {terminal.below(error.hint)}")
        if error.issue:
            self._prose(terminal.page_line(error.issue))

    def result(self, text: str, values: Any, colours: Mapping[str, int] | None = None) -> None:
        """Print the command's result. Control sequences in it, from a model's file for example, have no effect.

        colours: of the beginnings of lines, where it is text on a terminal: see terminal.painted.
        """
        self.has_result = True
        if self.as_json:
            is_ascii = not self.has_symbols  # else a character that is lacking would be no JSON
            indent = None if self.is_stream else 2
            text = terminal.in_json(json.dumps(values, indent=indent, ensure_ascii=is_ascii))
        self.raw(text + "\n", None if self.as_json else colours)

    @property
    def can_redraw(self) -> bool:
        """Whether a result can be drawn again in its place: it is read on a terminal."""
        return not self.as_json and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    def redraw(self, text: str) -> None:
        """Print a result in the place of the last one that this printed, unless something was printed below it."""
        self.has_result = True
        frame = self._frame or terminal.Frame()
        size = os.get_terminal_size(sys.stdout.fileno())
        drawn = frame.draw(self.redacted(text), size.columns or _WIDTH, size.lines)
        self._clear()
        sys.stdout.write(written(drawn, sys.stdout))
        sys.stdout.flush()
        self._frame = frame

    def done(self, text: str, values: Any) -> None:
        """Print what the command did: as JSON it is a result, else a note."""
        if self.as_json:
            self.result(text, values)
        else:
            self.note(text)

    def raw(self, text: str, colours: Mapping[str, int] | None = None) -> None:
        """Print a text such as a rendered file as it is, without secrets and control sequences."""
        self._clear()
        text = self.redacted(terminal.shown(text))
        text = terminal.painted(text, colours) if colours and self.is_coloured else text
        sys.stdout.write(written(text, sys.stdout))
        sys.stdout.flush()

    def log(self, line: str) -> None:
        """Print a line of a log as Compose gives it: the service's name, maybe in a colour, and what the program wrote.

        Raises BrokenPipeError once stdout has lost its reader.
        """
        found = _PREFIX.match(line)
        prefix = found[0] if found else ""
        self._clear()
        sys.stdout.write(prefix + self.redacted(terminal.shown(line.removeprefix(prefix))))
        sys.stdout.flush()
        if not self.is_read:
            raise BrokenPipeError

    def told(self, text: str) -> None:
        """Text as it is for who reads along, such as a CI system or who is asked; results stay alone on stdout."""
        self._clear()
        self._err.write(written(self.redacted(terminal.shown(text)), self._err))
        self._err.flush()

    def overview(self, text: str) -> None:
        """Print what the user reads before answering a question."""
        if self._progress == "json":
            self.note(text)
        else:
            self.told(text + "\n\n")

    def menu(self, lines: Sequence[str]) -> None:
        """Print what the user chooses from, even where no progress is shown; lines break between words."""
        for line in lines:
            if self._progress != "json" or not self._is_written("note", line):
                self._prose(terminal.shown_in_line(line))

    def table(self, rows: Sequence[Sequence[str]], *, has_head: bool = True) -> str:
        """Return columns that fit where results are shown; see terminal.table."""
        return terminal.table(rows, self.columns, has_head=has_head)

    def text(self, line: str) -> str:
        """Return a sentence that breaks between words where results are shown. It holds no command to be copied."""
        line = terminal.shown_in_line(line)
        return "\n".join(terminal.wrapped(line, self.columns)) if self.columns else line

    @property
    def columns(self) -> int | None:
        """How many cells a line of a result may take; None where nothing limits it."""
        return columns()

    @property
    def has_symbols(self) -> bool:
        """Whether bars and pictures can be shown: results are written in an encoding that has their characters."""
        return can_write(sys.stdout, "█")

    def _is_written(self, event: Event, message: str, **more: Any) -> bool:
        """Write an event as a line of JSON, if progress is JSON; return True if no text must be printed for it."""
        if self._progress == "json":
            from datetime import UTC, datetime

            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            text = json.dumps({"time": now, "event": event, "message": message, **more})
            self._err.write(self.redacted(text) + "\n")
            self._err.flush()
            return True
        return self._progress == "none" and event not in {"warning", "error"}

    def _lines(self, text: str) -> None:
        for line in terminal.shown(text).splitlines():
            self._prose(f"  {line}")

    def _columns(self) -> int:
        """Return the terminal's width now: a status that wraps could not be replaced."""
        try:
            return os.get_terminal_size(self._err.fileno()).columns or _WIDTH
        except OSError:
            return _WIDTH

    def _prose(self, text: str, *, red: str = "") -> None:
        """Sentences, broken between words where the terminal is narrow. `red`: how they begin, if that has a colour."""
        room = columns(self._err)
        for line in text.splitlines():
            first, *rest = terminal.wrapped(line, room - 2) if room else (line,)
            coloured = f"\033[31m{red}\033[0m{first.removeprefix(red)}" if red and first.startswith(red) else first
            for one in (coloured, *(f"  {one}" for one in rest)):
                self._line(one)

    def _line(self, text: str) -> None:
        self._clear()
        self._err.write(written(self.redacted(text), self._err) + "\n")
        self._err.flush()

    def _clear(self) -> None:
        if self._is_live and self._status:
            self._err.write("\r\033[2K")
        self._status, self._frame = "", None


def _kind(text: str) -> str:
    """Return a status without its digits: if that is the same as before, only the numbers changed."""
    return "".join(c for c in text if not c.isdigit())
