"""The process that asks the NVIDIA driver, seen from the program: it starts when it is needed, and answers in time.

A driver that hangs keeps its caller for ever, in a sleep of the kernel that no signal ends. So a separate process asks
it, and is left behind when its time is over: the program ends without waiting for it.
"""

import json
import os
import select
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from stackctl.gpus.nvidia_faults import ENDS, HANGS, SLOW, STARVED

_CHILD: Final = Path(__file__).with_name("child.py")
_MOST_ANSWER: Final = 1 << 20  # bytes; 8 GPUs with 256 processes each take less than 100 kB
_NO_ANSWERS: Final = {HANGS, ENDS, SLOW, STARVED}
_WAITS: Final = frozenset("SD")  # states of a process that waits, in proc(5)
_SWITCHES: Final = ("voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:")
_STILL_S: Final = 0.15  # how long a process stands still whose driver hangs
# the driver starts all GPUs first if none is in use: a second or two for each one, without its persistence mode
FIRST_S: Final = 20.0
NEXT_S: Final = 10.0
SHOWN_S: Final = 5.0  # for a question whose answer is only shown
_END_S: Final = 0.5


class DriverProcess:
    """The process; it stays for further questions, and ends with the program.

    `waits`: called when an answer takes longer than `shown_s`, and is waited for.
    """

    def __init__(
        self,
        library: str,
        *,
        first_s: float = FIRST_S,
        next_s: float = NEXT_S,
        shown_s: float = SHOWN_S,
        waits: Callable[[], None],
    ) -> None:
        self._argv = (sys.executable, "-P", str(_CHILD), library)
        self._first_s, self._next_s, self._shown_s, self._waits = first_s, next_s, shown_s, waits
        self._process: subprocess.Popen[bytes] | None = None
        self._patience_s = first_s
        self._asked_at: float | None = None  # when the question was put that has no answer yet
        self._read = b""
        self._is_hung = False

    def ask(self, request: dict[str, Any], *, is_shown: bool = False, within_s: float | None = None) -> dict[str, Any]:
        """Return the answer of child.py; {"error": HANGS} or {"error": ENDS} if none comes. Once it hung, it hangs.

        is_shown: return {"error": SLOW} already after `shown_s`, or after within_s if that is shorter, then STARVED if
        the process did not get to ask; the answer is waited for at the next question.
        """
        if self._is_hung:
            return {"error": HANGS}
        try:
            if self._asked_at is not None:
                late = self._answer(self._asked_at, is_shown=is_shown, within_s=within_s)
                if late["error"] in _NO_ANSWERS:
                    return late
            if not self._put(request):
                return {"error": ENDS}
            return self._answer(time.monotonic(), is_shown=is_shown, within_s=within_s)
        except BaseException:  # such as Ctrl-C, which comes while the driver hangs
            self.close()
            raise

    def close(self) -> None:
        """End the process, or leave behind one that the kernel does not let end."""
        if self._process:
            _end(self._process)
        self._process, self._asked_at, self._patience_s, self._read = None, None, self._first_s, b""

    def _put(self, request: dict[str, Any]) -> bool:
        """Put a question; return whether the process took it."""
        process = self._process or self._start()
        assert process.stdin is not None  # noqa: S101 - it is piped
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            self.close()
            return False
        return True

    def _answer(self, asked_at: float, *, is_shown: bool, within_s: float | None) -> dict[str, Any]:
        self._asked_at = asked_at
        shown_s = self._shown_s if within_s is None else min(self._shown_s, within_s)
        line = self._line(asked_at + min(shown_s, self._patience_s))
        if line is None and not is_shown and self._shown_s < self._patience_s:
            self._waits()
            line = self._line(asked_at + self._patience_s)
        before = None
        if line is None and is_shown and within_s is not None:  # one that starts or computes is no driver that hangs
            before = self._activity()
            line = self._line(time.monotonic() + _STILL_S)
        if line is None:
            if is_shown and time.monotonic() < asked_at + self._patience_s:
                return {"error": SLOW if within_s is None or before == self._activity() is not None else STARVED}
            self._is_hung = True
            self.close()
            return {"error": HANGS}
        answer = _parsed(line)
        if answer is None:
            self.close()
            return {"error": ENDS}
        self._asked_at, self._patience_s = None, self._next_s
        return answer

    def _activity(self) -> tuple[str, ...] | None:
        """Return how often the process was switched to and from; None if it computes now, or can't be looked at."""
        assert self._process is not None  # noqa: S101 - a question was put to it
        try:
            seen = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        lines = [line for line in seen.splitlines() if line.startswith(("State:", *_SWITCHES))]
        return tuple(lines) if lines and lines[0].partition("\t")[2][:1] in _WAITS else None

    def _line(self, until: float) -> bytes | None:
        """Return an answer's line; b"" if the process ended or writes too much; None if it is not there in time."""
        assert self._process is not None  # noqa: S101 - a question was put to it
        assert self._process.stdout is not None  # noqa: S101 - it is piped
        out = self._process.stdout
        while not self._read.endswith(b"\n"):
            ready, _, _ = select.select([out], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                return None
            part = os.read(out.fileno(), 1 << 16)
            self._read += part
            if not part or len(self._read) > _MOST_ANSWER:
                return b""
        line, self._read = self._read, b""
        return line

    def _start(self) -> "subprocess.Popen[bytes]":
        self._process = subprocess.Popen(
            self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        weakref.finalize(self, _end, self._process)
        return self._process


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return the answer; None if a line is none."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
