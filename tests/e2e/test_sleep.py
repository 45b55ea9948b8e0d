"""Backends that sleep, by stand-ins after their sources: what is asked of them meanwhile wakes none of them."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Stack

pytestmark = [pytest.mark.engine, pytest.mark.machines]
LOOKS_S = 24  # more than two health checks


def asleep(stack: Stack) -> dict[str, Any]:
    """Wait until the backend sleeps, and return the status."""
    until = time.monotonic() + 90
    while True:
        now: dict[str, Any] = json.loads(stack.run("status", "--json", check=False).stdout)
        if now["asleep"]:
            return now
        assert time.monotonic() < until, now
        time.sleep(1)


def sleeps_on(stack: Stack, service: str) -> None:
    """It sleeps through health checks and looks, and stays ready."""
    until = time.monotonic() + LOOKS_S
    while time.monotonic() < until:
        now = asleep(stack)
        assert (now["ready"], {one["health"] for one in now["services"]}) == (True, {"healthy"})
        time.sleep(4)
    checks = stack.inspect(service)["State"]["Health"]["Log"]
    assert {one["ExitCode"] for one in checks[-2:]} == {0}


def test_text_generation_webui_sleeps_through_its_health_checks_and_wakes_for_an_answer(
    stack: Stack, textgen: str
) -> None:
    (stack.folder / "stack.toml").write_text(
        f'[backend]\nkind = "textgen"\nimage = "{textgen}"\nidle_unload = "1 min"\n'
    )
    override = {"services": {"text-generation-webui": {"environment": {"STANDIN_MINUTE": "4"}}}}
    (stack.folder / "compose.override.yml").write_text(json.dumps(override))
    stack.deploy()
    asleep(stack)
    loads = stack.docker("logs", stack.container("text-generation-webui")).count('Loading "')
    sleeps_on(stack, "text-generation-webui")
    assert stack.docker("logs", stack.container("text-generation-webui")).count('Loading "') == loads
    assert json.loads(stack.run("free", "--json").stdout)["state"] == "asleep"
    assert json.loads(stack.run("free", "--wake", "--json").stdout)["changed"]
    asleep(stack)
    assert json.loads(stack.run("smoke", "--json", "--only", "reply").stdout)["passed"]


def test_koboldcpp_sleeps_with_its_router_and_wakes_for_who_names_its_model(stack: Stack, program: Path) -> None:
    (stack.folder / "stack.toml").write_text(
        f'[backend]\nkind = "koboldcpp"\nprogram = "{program}"\nidle_unload = "10 min"\n'
    )
    override = {"services": {"koboldcpp": {"environment": {"STANDIN_HASTE": "40"}}}}
    (stack.folder / "compose.override.yml").write_text(json.dumps(override))
    stack.deploy()
    sleeps_on(stack, "koboldcpp")
    woken = json.loads(stack.run("free", "--wake", "--json").stdout)
    assert (woken["state"], woken["changed"]) == ("loaded", True)
    freed = json.loads(stack.run("free", "--json").stdout)
    assert freed["state"] == "asleep"
    assert json.loads(stack.run("smoke", "--json", "--only", "reply").stdout)["passed"]
