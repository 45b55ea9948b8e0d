"""Ctrl-C at several moments."""

import json

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
    assert "hint: nothing is half-written; `stackctl status` shows what runs" in deploy.said
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
