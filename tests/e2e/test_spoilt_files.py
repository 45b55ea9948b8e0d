"""Files of the folder that can't be read: what runs is seen and stopped all the same."""

import json

import pytest

from tests.e2e.conftest import Stack
from tests.e2e.failing import IDLE, ids, override

pytestmark = [pytest.mark.engine, pytest.mark.chaos]


def test_what_runs_is_seen_and_stopped_without_stack_toml_compose_yml_or_plan(stack: Stack) -> None:
    override(stack, llamacpp=IDLE, sillytavern=IDLE)
    url = stack.deploy("--no-proof")["url"]
    (stack.folder / "stack.toml").write_text("nonsense = 1\n")
    (stack.folder / "compose.yml").write_text("services: [\n")
    (stack.folder / "compose.override.yml").write_text("services: [\n")
    (stack.folder / ".env").write_text("=\n")

    assert json.loads(stack.run("status", "--json").stdout)["url"] == url
    (stack.folder / ".stackctl/plan.json").write_text("{")
    said = stack.run("status", "--json")
    assert json.loads(said.stdout) | {"services": []} == {"name": stack.name, "ready": True, "url": url, "services": []}
    assert "plan.json can't be read" in said.stderr
    stack.run("logs")
    stack.run("stop", "llamacpp")
    states = {
        one["name"]: one["state"] for one in json.loads(stack.run("status", "--json", check=False).stdout)["services"]
    }
    assert states == {"llamacpp": "exited", "sillytavern": "running"}

    for name in ("compose.yml", "compose.override.yml", ".stackctl/plan.json"):
        (stack.folder / name).unlink()
    stack.fails(3, "start")
    stack.run("stop")
    stack.run("down")
    assert ids(stack) == []
    assert stack.docker("network", "ls", "-q", "--filter", f"label=com.docker.compose.project={stack.name}") == ""
