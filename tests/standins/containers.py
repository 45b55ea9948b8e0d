"""Containers of the stand-ins' own tests, started with the `docker` command and removed whatever happens."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

TIMEOUT_S: Final = 60
BARE: Final = "localhost/stackctl/base:1"


class ContainerError(Exception):
    """What the engine said, or the log of a container that is not what the test wanted."""


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise ContainerError(f"docker {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout.strip()


@dataclass(frozen=True)
class Reply:
    status: int
    content_type: str
    body: Any


@dataclass(frozen=True)
class Container:
    name: str
    port: int

    def log(self) -> str:
        done = subprocess.run(
            ["docker", "logs", self.name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout

    def is_running(self) -> bool:
        return docker("inspect", "--format", "{{.State.Running}}", self.name) == "true"

    def exit_code(self) -> int:
        """Wait for the end."""
        return int(docker("wait", self.name))

    def stop(self) -> int:
        docker("stop", "--timeout", "20", self.name)
        return self.exit_code()

    def address(self) -> tuple[str, int]:
        host, _, port = docker("port", self.name, f"{self.port}/tcp").splitlines()[0].rpartition(":")
        return host, int(port)

    def ask(
        self, method: str, path: str, body: object | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request, read to its end; JSON where the answer says so."""
        connection = http.client.HTTPConnection(*self.address(), timeout=TIMEOUT_S)
        try:
            raw = None if body is None else json.dumps(body)
            connection.request(method, path, raw, {"Content-Type": "application/json", **(headers or {})})
            reply = connection.getresponse()
            text = reply.read().decode()
        finally:
            connection.close()
        kind = reply.headers.get("content-type", "")
        return Reply(reply.status, kind, json.loads(text) if kind == "application/json" else text)

    def answers(self) -> bool:
        """Whether anything answers behind the port; the engine itself accepts what nobody does behind it."""
        try:
            self.ask("GET", "/")
        except (OSError, http.client.HTTPException):
            return False
        return True

    def wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not self.answers():
            if not self.is_running() or time.monotonic() > deadline:
                raise ContainerError(self.log())
            time.sleep(0.1)


@contextmanager
def container(image: str, port: int, options: Sequence[str], words: Sequence[str] = ()) -> Iterator[Container]:
    name = docker("run", "--detach", "--publish", f"127.0.0.1::{port}", *options, image, *words)
    try:
        yield Container(name, port)
    finally:
        docker("rm", "--force", "--volumes", name)
