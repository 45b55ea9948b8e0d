"""Ways to make a deploy fail, and what must hold of every failure."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from stackctl.core.model.demo_model import gguf_bytes
from tests.e2e.conftest import Stack

SOON_S = 5  # a death ends the deploy within 2 s; the rest is for a slow machine
# a program that is ready at once, for tests to which it does not matter what runs
IDLE: dict[str, Any] = {"entrypoint": ["sh", "-c", "exec sleep 600"], "healthcheck": {"test": ["CMD", "true"]}}
RESTARTS = 4  # 0.1, 0.2, 0.4 ... s apart: so many fit into those 2 s


def gguf_without_a_tensor() -> bytes:
    """A model that stands our check, and that its program can't load."""
    return gguf_bytes().replace(b"ffn_down.weight", b"ffn_away.weight")


def wish(stack: Stack, text: str) -> None:
    """Write stack.toml."""
    (stack.folder / "stack.toml").write_text(text, encoding="utf-8")


def override(stack: Stack, **services: dict[str, Any]) -> None:
    """Write compose.override.yml (JSON is YAML)."""
    (stack.folder / "compose.override.yml").write_text(json.dumps({"services": services}), encoding="utf-8")


@contextlib.contextmanager
def lasting(folder: Path, program: Path) -> Iterator[Stack]:
    """A stack in a folder of this name, for more than one test; nothing of it is left on the engine afterwards."""
    folder.mkdir(parents=True)
    stack = Stack(folder=folder, program=program, environment={"XDG_DATA_HOME": str(folder.parent / "data")})
    try:
        yield stack
    finally:
        stack.clean()


def within(stack: Stack, **environment: str) -> Stack:
    """The same stack, seen from another environment."""
    return replace(stack, environment={**stack.environment, **environment})


def evidence(said: str) -> list[str]:
    """The log lines that an error shows."""
    return [line.removeprefix("  | ") for line in said.splitlines() if line.startswith("  | ")]


def hint(said: str) -> str:
    """What an error advises."""
    return next(line.removeprefix("hint: ") for line in said.splitlines() if line.startswith("hint: "))


def ids(stack: Stack) -> list[str]:
    """The containers that the stack has, running or not."""
    return stack.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={stack.name}").split()


def files(stack: Stack) -> list[str]:
    """What lies in the folder, our own state left out."""
    return sorted(str(p.relative_to(stack.folder)) for p in stack.folder.rglob("*") if ".stackctl" not in p.parts)


def dies(stack: Stack, service: str, code: int, *words: str) -> str:
    """Deploy; the service must die, end the deploy soon with this exit code, and be stopped for good, not removed.

    Without going back to what ran before, if anything did, so that the failure can be looked at.
    """
    said = stack.fails(code, "deploy", "--images", "own", "--no-rollback", *words)
    ended = time.time()
    found = stack.inspect(service)
    state = found["State"]
    assert (state["Status"], state["Restarting"]) == ("exited", False), (said, state)
    assert found["RestartCount"] <= RESTARTS, said
    assert ended - datetime.fromisoformat(state["FinishedAt"]).timestamp() < SOON_S, said
    assert f"error: {service}: " in said, said
    assert evidence(said), said
    return said


class Deploying:
    """A deploy under way, in a process group of its own as on a terminal."""

    def __init__(self, stack: Stack, *words: str) -> None:
        self.said = ""
        self._process = subprocess.Popen(
            [str(stack.program), *stack.words("deploy", "--images", "own", *words)],
            cwd=stack.folder,
            env={**os.environ, **stack.environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()
        assert self._process.stderr
        self._process.stderr.close()

    def until(self, words: str) -> None:
        """Read on until it says this."""
        assert self._process.stderr
        for line in self._process.stderr:
            self.said += line
            if words in line:
                return
        raise AssertionError(f"it never said {words!r}:\n{self.said}")

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.killpg(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """As a crash or a power cut would end it."""
        os.killpg(self.pid, signal.SIGKILL)
        self.end()

    def end(self) -> int:
        """Wait for the end; the exit code."""
        _, rest = self._process.communicate(timeout=120)
        self.said += rest
        return self._process.returncode
