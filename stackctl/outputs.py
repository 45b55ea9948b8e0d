"""stdout and stderr as the process has them: none of their errors ends the work."""

import errno
import io
import os
import select
import sys
from typing import Any, TextIO

_NARROWEST = 20  # cells
_PLAIN = str.maketrans({"…": "...", "█": "#", "░": ".", "▒": ":"})  # for an encoding that lacks them


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

    def loss(self) -> str:
        """Return why a result was not written; "" if it was, or if its reader just went away (`| head`)."""
        sys.stdout.flush()
        lost = self._out.lost
        return (lost.strerror or str(lost)) if lost and lost.errno != errno.EPIPE else ""


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


def can_write(stream: TextIO, text: str) -> bool:
    """Return whether a stream's encoding has all characters of a text."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def written(text: str, stream: TextIO) -> str:
    """Return a text as a stream can write it: in one that lacks them, our own symbols are plain ones."""
    return text if text.isascii() or can_write(stream, text) else text.translate(_PLAIN)


def columns(said: str, stream: TextIO) -> int | None:
    """Return the cells that a line may take in a stream; None where nothing limits it, as in a pipe.

    said: what the user says of it, "" for nothing; else the terminal does.
    """
    if said.isascii() and said.isdecimal() and int(said):
        return max(int(said), _NARROWEST)
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):  # a pipe; closed
        return None
