"""The real llama.cpp sleeps while an open page, its health checks and a watch look on, and wakes for a message."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.model.demo_model import FILE_NAME, SENTENCE
from tests.e2e.browser.page import Tavern
from tests.e2e.conftest import Stack

pytestmark = [pytest.mark.engine, pytest.mark.machines]
Open = Callable[[str], Tavern]
IDLE_S = 5
LOOKS_S = 24  # more than two health checks, and eight looks of the page


@contextmanager
def watched(stack: Stack) -> Iterator[Path]:
    """A `status --watch --json` that runs meanwhile, and the file of what it prints."""
    out = stack.folder / "watched.jsonl"
    with out.open("wb") as file:
        watch = subprocess.Popen(
            [str(stack.program), "status", "--watch", "--json"],
            cwd=stack.folder,
            env={**os.environ, **stack.environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
        )
        try:
            yield out
        finally:
            watch.terminate()
            watch.wait(20)


def status(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.run("status", "--json").stdout)
    return found


def woken(stack: Stack) -> int:
    """How often it has loaded its model again."""
    done = subprocess.run(
        ["docker", "logs", stack.container("llamacpp")], capture_output=True, text=True, check=True, timeout=60
    )
    return (done.stdout + done.stderr).count("server is exiting sleeping state")


def asleep(stack: Stack) -> dict[str, Any]:
    """Wait until it sleeps, and return the status."""
    until = time.monotonic() + 60
    while not (now := status(stack))["asleep"]:
        assert time.monotonic() < until, now
        time.sleep(1)
    return now


def test_it_sleeps_while_a_page_and_a_watch_are_open_and_the_next_message_wakes_it(stack: Stack, tavern: Open) -> None:
    page = tavern(stack.deploy("--idle-unload", f"{IDLE_S} s")["url"])
    page.connected(FILE_NAME)
    page.page.evaluate("SillyTavern.getContext().selectCharacterById(0)")
    page.until(lambda: len(page.messages) == 1, "the greeting of SillyTavern's own character", 30)
    with watched(stack) as out:
        now = asleep(stack)
        assert (now["ready"], {one["health"] for one in now["services"]}) == (True, {"healthy"})
        before = woken(stack)
        page.page.wait_for_timeout(LOOKS_S * 1000)
        page.page.reload()
        page.connected(FILE_NAME)
        assert (woken(stack), asleep(stack)["ready"]) == (before, True)
        freed = json.loads(stack.run("free", "--json").stdout)
        assert (freed["state"], freed["changed"]) == ("asleep", False)

        page.page.evaluate("SillyTavern.getContext().selectCharacterById(0)")
        page.until(lambda: len(page.messages) == 1, "the greeting again", 30)
        assert page.say("Good morning")[-1] == SENTENCE
        assert woken(stack) == before + 1
        asleep(stack)
        told = [json.loads(line)["asleep"] for line in out.read_text().splitlines()]
    assert [one for at, one in enumerate(told) if at == 0 or one != told[at - 1]][-3:] == [True, False, True]
    smoked = json.loads(stack.run("smoke", "--json", "--only", "model", "--only", "reply").stdout)
    assert smoked["passed"]


def test_a_deploy_of_a_stack_that_sleeps_wakes_it_and_restarts_nothing(stack: Stack) -> None:
    stack.deploy("--idle-unload", f"{IDLE_S} s")
    started = stack.inspect("llamacpp")["State"]["StartedAt"]
    asleep(stack)
    loaded = json.loads(stack.run("free", "--wake", "--json").stdout)
    assert (loaded["state"], loaded["changed"], loaded["ready_s"] < 60) == ("loaded", True, True)
    asleep(stack)
    assert stack.deploy("--idle-unload", f"{IDLE_S} s")["reply"] == SENTENCE
    assert stack.inspect("llamacpp")["State"]["StartedAt"] == started
    freed = json.loads(stack.run("free", "--json").stdout)
    assert freed["changed"] is (freed["state"] == "stopped")
