"""The only module that prints. What happens goes to stderr, results to stdout, secrets nowhere."""

import io
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from stackctl.core.secret import Secret, hidden

_WIDTH = 80  # of a terminal that does not say
_MARK = "  … "
# what a terminal would obey instead of showing it: a program's log may hold colours, a title, a cleared screen
_COMMANDS = re.compile(
    r"\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]|\x1b.|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_UNESCAPED = re.compile(r"[\x7f-\x9f]")  # of those, what JSON leaves as it is
_LINES = re.compile(r"[\r\n\x0b\x0c\x85\u2028\u2029]+")
_QUIET_S = 10.0  # how often a changing status line is repeated where there is no terminal


class Ui:
    """Steps, remarks, one live status line, errors; results as text or JSON."""

    def __init__(self, *, as_json: bool = False, verbose: bool = False) -> None:
        self.as_json, self.verbose = as_json, verbose
        self._err: TextIO = sys.stderr
        if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that lacks a character shows its number, as on stderr
            sys.stdout.reconfigure(errors="backslashreplace")
        self._is_live = self._err.isatty()
        self._status, self._shown_at = "", 0.0
        self._secrets: list[Secret] = []

    @property
    def is_coloured(self) -> bool:
        """Whether results may have colours."""
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def hide(self, secret: Secret) -> None:
        """From here on this text is *** in all that is printed."""
        if secret not in self._secrets:
            self._secrets.append(secret)

    def redacted(self, text: str) -> str:
        """A text as it may be shown, or written where others read it."""
        return hidden(text, self._secrets)

    def step(self, text: str) -> None:
        """A new part of the story."""
        text = _COMMANDS.sub("", text)
        self._line(f"\033[1m{text}\033[0m" if self._is_live else text)

    def note(self, text: str) -> None:
        """Something worth knowing."""
        for line in _COMMANDS.sub("", text).splitlines():
            self._line(f"  {line}")

    def detail(self, text: str) -> None:
        """A command that is run, with --verbose."""
        if self.verbose:
            self._line(f"  {_COMMANDS.sub('', text)}")

    def status(self, text: str) -> None:
        """What is being waited for; replaces the last status on a terminal, else a line when it changes."""
        text = _COMMANDS.sub("", self.redacted(text))
        if text == self._status:
            return
        if self._is_live:
            self._err.write(f"\r\033[2K{_MARK}{text[: self._columns() - len(_MARK) - 1]}")
            self._err.flush()
        elif time.monotonic() - self._shown_at > _QUIET_S or _kind(text) != _kind(self._status):
            self._err.write(f"{_MARK}{text}\n")
            self._shown_at = time.monotonic()
        self._status = text

    def progress(self, text: str) -> None:
        """How far a long piece of work is: live on a terminal, else a line every ten seconds."""
        if self._is_live or time.monotonic() - self._shown_at > _QUIET_S:
            self._shown_at = 0.0
            self.status(text)
            self._shown_at = time.monotonic()

    def error(self, message: str, *, hint: str = "", evidence: Iterable[str] = ()) -> None:
        """An expected failure: what, the lines that show it, what to do."""
        red = "\033[31m{}\033[0m" if self._is_live else "{}"
        self._line(red.format("error: ") + _COMMANDS.sub("", message))
        for line in evidence:
            self._line(f"  | {_COMMANDS.sub('', line)}")
        if hint:
            self._line(f"hint: {_COMMANDS.sub('', hint)}")

    def result(self, text: str, values: Any) -> None:
        """What the command was asked for; nothing that a file says of itself commands the terminal."""
        if self.as_json:
            text = json.dumps(values, indent=2, ensure_ascii=False)
            text = _UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        self.raw(_COMMANDS.sub("", text) + "\n")

    def raw(self, text: str) -> None:
        """Text as it is but for secrets, such as a rendered file or lines of a log."""
        self._clear()
        sys.stdout.write(self.redacted(text))
        sys.stdout.flush()

    def told(self, text: str) -> None:
        """Text as it is for who reads along, such as a CI system; results stay alone on stdout."""
        self._clear()
        self._err.write(self.redacted(text))
        self._err.flush()

    def table(self, rows: Sequence[Sequence[str]]) -> str:
        """Columns, aligned by their widest cell; a cell is one line, whatever is in it."""
        rows = [[_COMMANDS.sub("", _LINES.sub(" ", cell)) for cell in row] for row in rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        return "\n".join("  ".join(cell.ljust(widths[i]) for i, cell in enumerate(row)).rstrip() for row in rows)

    def _columns(self) -> int:
        """How wide the terminal is now: a status that wraps could not be replaced."""
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


def _kind(text: str) -> str:
    """A status without its numbers: where that stays the same, only the numbers move."""
    return "".join(c for c in text if not c.isdigit())
