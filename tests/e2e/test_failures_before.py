"""What fails before the start leaves a running stack exactly as it is; what fails after it names what ran before."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import SENTENCE
from tests.e2e.conftest import Stack
from tests.e2e.failing import dies, hint, lasting, wish

pytestmark = pytest.mark.engine
IMAGE = "localhost/stackctl/llamacpp:debian"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, installed: Path, own_images: None) -> Iterator[Stack]:
    """A stack that was deployed and runs, for all tests here."""
    del own_images
    with lasting(tmp_path_factory.mktemp("failures") / "t-fails-before", installed) as stack:
        stack.deploy("--no-proof")
        yield stack


def test_a_port_that_a_process_holds_is_named_with_it_and_the_stack_runs_on(running: Stack) -> None:
    ran = [running.inspect(service) for service in ("llamacpp", "sillytavern")]
    compose = (running.folder / "compose.yml").read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        said = running.fails(4, "deploy", "--images", "own", "--port", str(port))
    assert f"port {port} is taken by " in said
    assert f"(process {os.getpid()})" in said
    assert "stackctl deploy --port " in hint(said)
    assert said.splitlines()[-1] == "more: `stackctl explain port-taken`"
    page = subprocess.run([running.program, "explain", "port-taken"], capture_output=True, text=True, check=True).stdout
    assert page.startswith("port-taken: a port of the stack is taken by another program (exit code 4)\n")
    after = [running.inspect(service) for service in ("llamacpp", "sillytavern")]
    assert [(c["Id"], c["State"]["StartedAt"]) for c in after] == [(c["Id"], c["State"]["StartedAt"]) for c in ran]
    assert all(c["State"]["Status"] == "running" for c in after)
    assert (running.folder / "compose.yml").read_bytes() == compose


def test_what_ran_before_is_named_and_the_rest_runs_on_when_a_changed_deploy_fails(running: Stack) -> None:
    page = running.inspect("sillytavern")["Id"]
    good = (running.folder / "stack.toml").read_text()
    wish(running, good.replace("extra_args = []", 'extra_args = ["--no-such-flag"]'))
    said = dies(running, "llamacpp", 3)
    assert f"Before, these ran: llamacpp ({IMAGE}, healthy), sillytavern (" in hint(said)
    found = running.inspect("sillytavern")
    assert (found["Id"], found["State"]["Status"]) == (page, "running")
    wish(running, good)
    assert running.deploy()["reply"] == SENTENCE


@pytest.mark.chaos
@pytest.mark.sample
def test_an_argument_that_contradicts_the_plan_is_refused_and_one_that_the_user_insists_on_counts(
    running: Stack,
) -> None:
    ran = running.inspect("llamacpp")
    good = (running.folder / "stack.toml").read_text()
    wish(running, good.replace("extra_args = []", 'extra_args = ["--seed", "1", "-c", "4096"]'))
    said = running.fails(3, "deploy", "--images", "own")
    assert "backend.extra_args: -c is what backend.context decides" in said
    assert "Set `backend.context = 4096` instead" in hint(said)
    assert running.inspect("llamacpp")["State"]["StartedAt"] == ran["State"]["StartedAt"]

    wish(running, good.replace("override_args = []", 'override_args = ["-c", "4096"]'))
    assert running.deploy("--no-proof")["context"] == 4096
    settings = json.loads((running.folder / "sillytavern/data/default-user/settings.json").read_text())
    assert settings["max_context"] == 4096
    checks = {one["name"]: one for one in json.loads(running.run("smoke", "--json").stdout)["checks"]}
    assert checks["context"]["status"] == "passed"
    wish(running, good)
