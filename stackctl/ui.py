"""The only module that prints. Progress goes to stderr, results go to stdout, and secrets are never printed."""

import errno
import io
import json
import os
import re
import select
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from stackctl import terminal
from stackctl.secret import Secret, hidden

_WIDTH = 80  # cells of a terminal that does not tell its width
_MARK = "  … "
_NARROWEST = 20
_PLAIN = str.maketrans({"…": "...", "█": "#", "░": ".", "▒": ":"})  # for an encoding that lacks them
# the service's name and colour, which Compose itself puts before a line of a log
_PREFIX = re.compile(r"\x1b\[[0-9;]*m[\w. -]*\| \x1b\[0m", re.ASCII)
_QUIET_S = 10.0  # how often a changing status line is repeated where there is no terminal


def columns(stream: TextIO | None = None) -> int | None:
    """Return the cells that a line may take in a stream, or in a result; None where nothing limits it, as in a pipe.

    COLUMNS says so for results, else the terminal does.
    """
    said = os.environ.get("COLUMNS", "") if stream is None or stream.isatty() else ""
    if said.isascii() and said.isdecimal() and int(said):
        return max(int(said), _NARROWEST)
    try:
        return os.get_terminal_size((stream or sys.stdout).fileno()).columns or None
    except (OSError, ValueError):  # a pipe; closed
        return None


class Output(io.RawIOBase):
    """stdout or stderr. Once its reader is gone, what is written is discarded, and the work continues."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.lost: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, data: Any) -> int:
        while True:
            try:
                return os.write(self._number, data)
            except BlockingIOError:  # another program made it non-blocking
                select.select([], [self._number], [])
            except OSError as e:
                self.lost = e
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._number)
                os.close(nowhere)


class Outputs:
    """stdout and stderr of the process."""

    def __init__(self, out: Output, err: Output) -> None:
        self._out, self._err = out, err

    def tell_loss(self) -> None:
        """Say that a result was not written, unless its reader just went away (`| head`)."""
        sys.stdout.flush()
        lost = self._out.lost
        if lost and lost.errno != errno.EPIPE:
            Ui().note(f"note: the result could not be printed: {lost.strerror}")


def keep_outputs() -> Outputs:
    """Let no error of stdout or stderr end the process, and no file take the number of one that is closed (`>&-`)."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    out, err = Output(1), Output(2)
    sys.stdout, sys.stderr = _stream(out, sys.stdout), _stream(err, sys.stderr)
    return Outputs(out, err)


def _stream(raw: Output, like: Any) -> TextIO:
    """Return a text stream for `raw`, with the settings of Python's stream `like`."""
    has = like if isinstance(like, io.TextIOWrapper) else None
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=has.encoding if has else "utf-8",
        errors=has.errors if has else "backslashreplace",
        line_buffering=has.line_buffering or has.write_through if has else True,  # the latter: PYTHONUNBUFFERED
    )


class Ui:
    """Print steps, notes, one live status line and errors; print results as text or JSON."""

    def __init__(self, *, as_json: bool = False, verbose: bool = False) -> None:
        self.as_json, self.verbose = as_json, verbose
        self._err: TextIO = sys.stderr
        if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal without a character shows its number, as on stderr
            sys.stdout.reconfigure(errors="backslashreplace")
        self._is_live = self._err.isatty() and os.environ.get("TERM") != "dumb"
        self._has_style = self._is_live and not os.environ.get("NO_COLOR")
        self._status, self._shown_at = "", 0.0
        self._secrets: list[Secret] = []

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
        text = terminal.shown_in_line(text)
        self._line(f"\033[1m{text}\033[0m" if self._has_style else text)

    def note(self, text: str) -> None:
        """Print something worth knowing."""
        for line in terminal.shown(text).splitlines():
            self._prose(f"  {line}")

    def detail(self, text: str) -> None:
        """Print a command that is run, if --verbose was given."""
        if self.verbose:
            self._line(f"  {terminal.shown_in_line(text)}")

    def status(self, text: str) -> None:
        """Print what is being waited for: on a terminal it replaces the last status, else each change is a line."""
        text = terminal.shown_in_line(self.redacted(text))
        if text == self._status:
            return
        mark = _written(_MARK, self._err)
        if self._is_live:
            shown = terminal.first(text, self._columns() - len(mark) - 1)
            self._err.write(f"\r\033[2K{mark}{shown}")
            self._err.flush()
        elif time.monotonic() - self._shown_at > _QUIET_S or _kind(text) != _kind(self._status):
            self._err.write(f"{mark}{text}\n")
            self._shown_at = time.monotonic()
        self._status = text

    def progress(self, text: str) -> None:
        """Print how far a long piece of work is: live on a terminal, else a line every ten seconds."""
        if self._is_live or time.monotonic() - self._shown_at > _QUIET_S:
            self._shown_at = 0.0
            self.status(text)
            self._shown_at = time.monotonic()

    def error(self, message: str, *, hint: str = "", evidence: Iterable[str] = ()) -> None:
        """An expected failure: what, the lines that show it, what to do."""
        self._prose("error: " + _below(message), red="error: " if self._has_style else "")
        for line in evidence:
            for one in terminal.shown(line).splitlines() or ("",):
                self._line(f"  | {one}")
        if hint:
            self._prose(f"hint: {_below(hint)}")

    def result(self, text: str, values: Any) -> None:
        """Print the command's result. Control sequences in it, from a model's file for example, have no effect."""
        if self.as_json:
            is_ascii = not self.has_symbols  # else a character that is lacking would be no JSON
            text = terminal.in_json(json.dumps(values, indent=2, ensure_ascii=is_ascii))
        self.raw(text + "\n")

    def raw(self, text: str) -> None:
        """Print a text such as a rendered file as it is, without secrets and control sequences."""
        self._clear()
        sys.stdout.write(_written(self.redacted(terminal.shown(text)), sys.stdout))
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
        """Print a text as it is to stderr, for a CI system for example, so that stdout holds results only."""
        self._clear()
        self._err.write(_written(self.redacted(terminal.shown(text)), self._err))
        self._err.flush()

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
        return _can_write(sys.stdout, "█")

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
        self._err.write(_written(self.redacted(text), self._err) + "\n")
        self._err.flush()

    def _clear(self) -> None:
        if self._is_live and self._status:
            self._err.write("\r\033[2K")
        self._status = ""


def _below(text: str) -> str:
    """Return a message with its further lines indented, so that none looks like a line of stackctl's own."""
    first, *rest = terminal.shown(text).splitlines() or [""]
    return "\n".join((first, *(line if line.startswith("  ") else f"  {line}" for line in rest)))


def _kind(text: str) -> str:
    """Return a status without its digits: if that is the same as before, only the numbers changed."""
    return "".join(c for c in text if not c.isdigit())


def _can_write(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _written(text: str, stream: TextIO) -> str:
    """A text as a stream can write it: in one that lacks them, our own symbols are plain ones."""
    return text if text.isascii() or _can_write(stream, text) else text.translate(_PLAIN)
