"""Starts the process that renders a chat template, and ends it in time."""

import json
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from stackctl.core.tavern.talks import MOST_TEMPLATE, Request

_CHILD: Final = Path(__file__).with_name("child.py")
# of the clock. The child's own limit of 1 s of the processor ends a template sooner, unless other programs keep the
# processor busy: a good template must not fail by them. A system without `resource` has the clock alone.
_PATIENCE_S: Final = 6.0 if find_spec("resource") else 1.8
_MOST_ANSWER: Final = 8 << 20  # bytes


def render(request: Request, *, patience_s: float = _PATIENCE_S) -> "tuple[str | None, ...] | str":
    """Return the text of each talk, None where the template refuses it; or one reason why there are none.

    The template runs as a stranger's code: in a process that has limits, without this process's environment.
    """
    if len(request.template) > MOST_TEMPLATE:
        return f"it has more than {MOST_TEMPLATE} characters"
    argv = [sys.executable, "-I", str(_CHILD)]
    try:
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, text=True
        )
    except OSError as e:
        return f"its process cannot start: {e.strerror}"
    ended = threading.Event()

    def end() -> None:
        ended.set()
        process.kill()

    timer = threading.Timer(patience_s, end)
    timer.start()
    try:
        answer = _exchange(process, request)
        return f"it takes longer than {patience_s:g} seconds" if ended.is_set() else _answers(answer)
    finally:
        timer.cancel()
        process.kill()
        process.wait()


def _exchange(process: "subprocess.Popen[str]", request: Request) -> str:
    """Return what the process answers; "" if it dies. It reads all of the request before it writes."""
    assert process.stdin is not None  # noqa: S101 - it is piped
    assert process.stdout is not None  # noqa: S101 - it is piped
    try:
        with process.stdin as into:
            json.dump(request.as_json(), into)
    except BrokenPipeError:
        return ""
    with process.stdout as answer:
        return answer.read(_MOST_ANSWER)


def _answers(text: str) -> "tuple[str | None, ...] | str":
    try:
        found: Any = json.loads(text)
    except ValueError:
        return "it needs more than a second of the processor or 200 MB"
    if "fault" in found:
        return str(found["fault"])
    return tuple(one.get("text") for one in found["answers"])
