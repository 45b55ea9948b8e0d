"""Part of two stand-ins for tests, never what a user gets: the real llama-server inside, which makes tokens.

Standard library only: it runs inside the stand-ins' containers, on whatever Python their suite has.
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

POLL_S = 0.05
REQUEST_TIMEOUT_S = 600
_PR_SET_PDEATHSIG = 1


class ServerEndedError(Exception):
    """llama-server ended before it had loaded the model; the one argument is its exit code."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _die_with_parent() -> None:
    # A stand-in that is killed must not leave its server behind; only Linux knows this call.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class LlamaChild:
    """One llama-server on a free port of the loopback interface."""

    def __init__(
        self, command: Sequence[str], *, log: Callable[[bytes], None], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start `command` with a port added; `log` gets its error stream in pieces of any length, as they come."""
        self.port = free_port()
        self.process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(self.port)],
            stderr=subprocess.PIPE,
            env=dict(environment if environment is not None else os.environ),
            preexec_fn=_die_with_parent,  # noqa: PLW1509  no thread of ours holds a lock yet
        )
        self._reader = threading.Thread(target=self._pass_on, args=(log,), daemon=True)
        self._reader.start()

    def _pass_on(self, log: Callable[[bytes], None]) -> None:
        assert self.process.stderr is not None
        while piece := os.read(self.process.stderr.fileno(), 4096):
            log(piece)

    def wait_until_loaded(self, tick: Callable[[], None] = lambda: None) -> None:
        """Return once the model is loaded; ServerEndedError once it never will be, its last words passed on.

        `tick` is called between two looks.
        """
        while True:
            code = self.process.poll()
            if code is not None:
                self._reader.join(timeout=5)
                raise ServerEndedError(code)
            if self._healthy():
                return
            tick()
            time.sleep(POLL_S)

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=5)

    def call(self, path: str, body: object | None = None) -> Any:
        """The JSON answer to a GET, or to a POST where there is a body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_TIMEOUT_S)
        try:
            self._send(connection, path, body)
            reply = connection.getresponse()
            answer = json.loads(reply.read())
        finally:
            connection.close()
        if reply.status != http.client.OK:
            raise ValueError(f"llama-server answers {reply.status} to {path}: {answer}")
        return answer

    @staticmethod
    def _send(connection: http.client.HTTPConnection, path: str, body: object | None) -> None:
        method, raw = ("GET", None) if body is None else ("POST", json.dumps(body))
        connection.request(method, path, raw, {"Content-Type": "application/json"})

    def tokens(self, text: str, *, add_special: bool = True) -> list[int]:
        ids: list[int] = self.call("/tokenize", {"content": text, "add_special": add_special})["tokens"]
        return ids

    def text(self, ids: Sequence[int]) -> str:
        content: str = self.call("/detokenize", {"tokens": list(ids)})["content"]
        return content

    def complete(self, body: Mapping[str, object]) -> Iterator[dict[str, Any]]:
        """The events of one streamed completion; leaving the loop early stops the generation."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_TIMEOUT_S)
        try:
            self._send(connection, "/completion", {**body, "stream": True})
            reply = connection.getresponse()
            if reply.status != http.client.OK:
                raise ValueError(f"llama-server answers {reply.status}: {reply.read().decode()}")
            for line in reply:
                if line.startswith(b"data: "):
                    event: dict[str, Any] = json.loads(line[6:])
                    yield event
                    if event.get("stop"):
                        return
        finally:
            connection.close()


def die_of(number: signal.Signals) -> NoReturn:
    """End this process as a signal's default would, without a word of Python's.

    What stdout still holds is lost, as it is when the real program crashes.
    """
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    time.sleep(1)  # for process 1 of a container the kernel drops such a signal
    sys.stderr.flush()
    os._exit(128 + number)
