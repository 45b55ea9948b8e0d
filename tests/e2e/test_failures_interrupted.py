"""Ctrl-C at several moments."""

import json
import os
import random
import signal
import subprocess
import time

import pytest

from stackctl.core.model.demo_model import SENTENCE
from tests.e2e.conftest import Stack, free_port
from tests.e2e.failing import Deploying, files, ids, wish

pytestmark = pytest.mark.engine


def states(stack: Stack) -> dict[str, str]:
    """What `status` says, after a check that it says of readiness what the containers are."""
    done = stack.run("status", "--json", check=False)
    found = json.loads(done.stdout)
    services = {s["name"]: s["state"] for s in found["services"]}
    for service, state in services.items():
        if state != "missing":
            assert stack.inspect(service)["State"]["Status"] == state
    assert done.returncode == (0 if found["ready"] else 7)
    return services


def interrupted(stack: Stack, moment: str) -> str:
    with Deploying(stack) as deploy:
        deploy.until(moment)
        deploy.interrupt()
        assert deploy.end() == 130, deploy.said
    assert "Traceback" not in deploy.said
    assert "error: interrupted" in deploy.said
    assert "hint: Run `stackctl status` to see what runs; no file was left incomplete." in deploy.said
    return deploy.said


def test_ctrl_c_at_any_moment_leaves_what_status_describes_and_the_next_deploy_goes_on(stack: Stack) -> None:
    interrupted(stack, "Looking at the machine")
    assert files(stack) == []
    assert ids(stack) == []

    wish(stack, f"[sillytavern]\nport = {free_port()}\n")
    interrupted(stack, "Fetching what is missing")
    assert not any(".new" in name for name in files(stack))

    interrupted(stack, "llamacpp: waits for the others")  # its container is made
    assert set(states(stack)) == {"llamacpp", "sillytavern"}

    interrupted(stack, "llamacpp is ready")
    assert states(stack)["llamacpp"] == "running"

    done = stack.deploy()
    assert done["reply"] == SENTENCE
    assert states(stack) == {"llamacpp": "running", "sillytavern": "running"}

    before = [stack.inspect(service)["State"]["StartedAt"] for service in ("llamacpp", "sillytavern")]
    interrupted(stack, "Asking through SillyTavern")
    assert [stack.inspect(service)["State"]["StartedAt"] for service in ("llamacpp", "sillytavern")] == before


@pytest.mark.chaos
def test_any_command_that_is_interrupted_at_any_moment_ends_with_130_or_its_own_code_and_no_traceback(
    stack: Stack,
) -> None:
    stack.deploy("--no-proof")
    for words in (("status",), ("logs", "--tail", "5"), ("url",), ("stop",), ("start",), ("deploy", "--no-proof")):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            moment = random.uniform(0.05, 1.5)  # noqa: S311 - no secret
            with subprocess.Popen(
                [str(stack.program), *stack.words(*words)],
                cwd=stack.folder,
                env={**os.environ, **stack.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            ) as process:
                time.sleep(moment)
                os.killpg(process.pid, number)
                said, _ = process.communicate(timeout=120)
            ours = "stackctl/" in said and "Traceback" in said  # Python itself may be met before a line of ours runs
            assert not ours, (words, moment, said)
            assert process.returncode in {130, -number, 0, 1, 3, 7}, (words, moment, said)
    assert stack.deploy()["reply"] == SENTENCE
