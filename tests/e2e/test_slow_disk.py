"""A model on a slow disk: it is waited for as long as it is read, whatever the health check says meanwhile."""

import os
import time
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import SENTENCE
from tests.e2e.conftest import Stack
from tests.e2e.failing import override

pytestmark = [pytest.mark.engine, pytest.mark.chaos]
MIB, SECONDS = 48, 16
IMPATIENT = {"start_period": "1s", "start_interval": "1s", "interval": "1s", "timeout": "3s", "retries": 2}


def big_file(place: Path) -> Path:
    """A file that this machine's memory does not hold: whoever reads it has it read from the disk."""
    with place.open("wb") as file:
        file.write(os.urandom(MIB << 20))
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return place


def reads_slowly(stack: Stack, place: Path, then: str) -> None:
    """Let the backend read a file first, a few MiB a second, under a health check that gives up soon."""
    step = MIB // SECONDS
    one = f"dd if=/big bs=1M count={step} skip=$((i*{step})) of=/dev/null 2>/dev/null; sleep 1; i=$((i+1))"
    script = f'i=0; while [ $i -lt {SECONDS} ]; do {one}; done; {then} "$@"'
    script = script.replace("$", "$$")  # for Compose
    mount = {"type": "bind", "source": str(place), "target": "/big", "read_only": True}
    override(stack, llamacpp={"entrypoint": ["sh", "-c", script, "sh"], "volumes": [mount], "healthcheck": IMPATIENT})


def test_a_model_that_is_still_read_is_waited_for_though_compose_gave_it_up(stack: Stack, tmp_path: Path) -> None:
    reads_slowly(stack, big_file(tmp_path / "big"), "exec /app/llama-server")
    began = int(time.time())
    assert stack.deploy()["reply"] == SENTENCE
    happened = ("--since", str(began), "--until", str(int(time.time())), "--filter", "event=health_status")
    of_it = ("--filter", f"container={stack.container('llamacpp')}", "--format", "{{.Action}}")
    assert stack.docker("events", *happened, *of_it).split() == [
        "health_status:",
        "unhealthy",
        "health_status:",
        "healthy",
    ]
    assert stack.inspect("llamacpp")["RestartCount"] == 0


def test_one_that_hangs_after_it_was_read_is_given_up_by_its_health_check(stack: Stack, tmp_path: Path) -> None:
    reads_slowly(stack, big_file(tmp_path / "big"), "exec sleep 600;")
    said = stack.fails(7, "deploy", "--images", "own")
    assert "llamacpp: runs, but never answered its health check" in said
