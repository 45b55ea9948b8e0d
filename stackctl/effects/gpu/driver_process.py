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
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from stackctl.gpus.nvidia_faults import ENDS, HANGS

_CHILD: Final = Path(__file__).with_name("child.py")
_MOST_ANSWER: Final = 1 << 20  # bytes; 8 GPUs with 256 processes each take less than 100 kB
# the driver starts all GPUs first if none is in use: a second or two for each one, without its persistence mode
FIRST_S: Final = 20.0
NEXT_S: Final = 10.0
_END_S: Final = 0.5


class DriverProcess:
    """The process; it stays for further questions, and ends with the program."""

    def __init__(self, library: str, *, first_s: float = FIRST_S, next_s: float = NEXT_S) -> None:
        self._argv = (sys.executable, "-P", str(_CHILD), library)
        self._first_s, self._next_s = first_s, next_s
        self._process: subprocess.Popen[bytes] | None = None
        self._is_hung = False

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of child.py; {"error": HANGS} or {"error": ENDS} if none comes. Once it hung, it hangs."""
        if self._is_hung:
            return {"error": HANGS}
        patience_s = self._next_s if self._process else self._first_s
        process = self._process or self._start()
        try:
            answer = _exchange(process, json.dumps(request).encode() + b"\n", time.monotonic() + patience_s)
        except TimeoutError:
            self._is_hung = True
            self.close()
            return {"error": HANGS}
        except BaseException:  # such as Ctrl-C, which comes while the driver hangs
            self.close()
            raise
        if answer is None:
            self.close()
            return {"error": ENDS}
        return answer

    def close(self) -> None:
        """End the process, or leave behind one that the kernel does not let end."""
        if self._process:
            _end(self._process)
        self._process = None

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


def _exchange(process: "subprocess.Popen[bytes]", request: bytes, until: float) -> dict[str, Any] | None:
    """Return the answer; None if the process ended or answers nonsense. Raise TimeoutError if it takes too long."""
    assert process.stdin is not None  # noqa: S101 - it is piped
    assert process.stdout is not None  # noqa: S101 - it is piped
    try:
        process.stdin.write(request)
    except BrokenPipeError:
        return None
    answer = b""
    while not answer.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise TimeoutError
        part = os.read(process.stdout.fileno(), 1 << 16)
        answer += part
        if not part or len(answer) > _MOST_ANSWER:
            return None
    try:
        found = json.loads(answer)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
