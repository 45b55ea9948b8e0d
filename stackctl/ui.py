"""The only module that prints. Progress goes to stderr, results go to stdout, and secrets are never printed."""

import errno
import io
import json
import os
import re
import select
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from stackctl import terminal
from stackctl.secret import Secret, hidden

_WIDTH = 80  # cells of a terminal that does not tell its width
_MARK = "  … "
_WIDEST = 60  # cells that a column of a table may take, except for the last one
_LONGEST = 300  # cells of a text that is the last on its line
# Compose itself puts the service's name, in a colour, before each line of a log
_PREFIX = re.compile(r"\x1b\[[0-9;]*m[\w. -]*\| \x1b\[0m", re.ASCII)
_QUIET_S = 10.0  # how often a changing status line is repeated where there is no terminal


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
        self._is_live = self._err.isatty()
        self._status, self._shown_at = "", 0.0
        self._secrets: list[Secret] = []

    @property
    def is_coloured(self) -> bool:
        """Return whether results may have colours."""
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")

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
        self._line(f"\033[1m{text}\033[0m" if self._is_live else text)

    def note(self, text: str) -> None:
        """Print something worth knowing."""
        for line in terminal.shown(text).splitlines():
            self._line(f"  {line}")

    def detail(self, text: str) -> None:
        """Print a command that is run, if --verbose was given."""
        if self.verbose:
            self._line(f"  {terminal.shown_in_line(text)}")

    def status(self, text: str) -> None:
        """Print what is being waited for: on a terminal it replaces the last status, else each change is a line."""
        text = terminal.shown_in_line(self.redacted(text))
        if text == self._status:
            return
        if self._is_live:
            self._err.write(f"\r\033[2K{_MARK}{terminal.first(text, self._columns() - len(_MARK) - 1)}")
            self._err.flush()
        elif time.monotonic() - self._shown_at > _QUIET_S or _kind(text) != _kind(self._status):
            self._err.write(f"{_MARK}{text}\n")
            self._shown_at = time.monotonic()
        self._status = text

    def progress(self, text: str) -> None:
        """Print how far a long piece of work is: live on a terminal, else a line every ten seconds."""
        if self._is_live or time.monotonic() - self._shown_at > _QUIET_S:
            self._shown_at = 0.0
            self.status(text)
            self._shown_at = time.monotonic()

    def error(self, message: str, *, hint: str = "", evidence: Iterable[str] = ()) -> None:
        """Print an expected failure: what is wrong, the lines that show it, what to do."""
        red = "\033[31m{}\033[0m" if self._is_live else "{}"
        self._line(red.format("error: ") + _below(message))
        for line in evidence:
            for one in terminal.shown(line).splitlines() or ("",):
                self._line(f"  | {one}")
        if hint:
            self._line(f"hint: {_below(hint)}")

    def result(self, text: str, values: Any) -> None:
        """Print the command's result. Control sequences in it, from a model's file for example, have no effect."""
        if self.as_json:
            text = terminal.in_json(json.dumps(values, indent=2, ensure_ascii=False))
        self.raw(text + "\n")

    def raw(self, text: str) -> None:
        """Print a text such as a rendered file as it is, without secrets and control sequences."""
        self._clear()
        sys.stdout.write(self.redacted(terminal.shown(text)))
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
        self._err.write(self.redacted(terminal.shown(text)))
        self._err.flush()

    def table(self, rows: Sequence[Sequence[str]]) -> str:
        """Return rows as columns, aligned by their widest cell; a cell is one line, whatever is in it.

        A long cell does not widen its column: the first of a row gets a separate line, the last may be long, and any
        other loses its middle.
        """
        lines = [line for row in rows for line in _lines([terminal.shown_in_line(cell) for cell in row])]
        widths = [max(terminal.cells(line[i]) for line in lines if i < len(line) - 1) for i in range(len(rows[0]) - 1)]
        return "\n".join("  ".join((*map(terminal.padded, line[:-1], widths), line[-1])).rstrip() for line in lines)

    def _columns(self) -> int:
        """Return the terminal's width now: a status that wraps could not be replaced."""
        try:
            return os.get_terminal_size(self._err.fileno()).columns or _WIDTH
        except OSError:
            return _WIDTH

    def _line(self, text: str) -> None:
        self._clear()
        self._err.write(self.redacted(text) + "\n")
        self._err.flush()

    def _clear(self) -> None:
        if self._is_live and self._status:
            self._err.write("\r\033[2K")
        self._status = ""


def _lines(row: list[str]) -> Iterator[list[str]]:
    """Give a row as lines of a table: a long first cell gets a separate line, other long cells are cut."""
    head, *middle, last = row if len(row) > 1 else ["", *row]
    middle = [terminal.cut(cell, _WIDEST) for cell in middle]
    if terminal.cells(head) > _WIDEST:
        yield [terminal.cut(head, _LONGEST)]
        head = ""
    yield [head, *middle, terminal.cut(last, _LONGEST)][-len(row) :]


def _below(text: str) -> str:
    """Return a message with its further lines indented, so that none looks like a line of stackctl's own."""
    first, *rest = terminal.shown(text).splitlines() or [""]
    return "\n".join((first, *(line if line.startswith("  ") else f"  {line}" for line in rest)))


def _kind(text: str) -> str:
    """Return a status without its digits: if that is the same as before, only the numbers changed."""
    return "".join(c for c in text if not c.isdigit())
