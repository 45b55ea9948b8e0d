"""What dies at the start, or is not ready in time: the cause, the lines that show it, and no restart loop."""

import json
import time

import pytest

from stackctl.core.model.demo_model import SENTENCE, gguf_bytes
from tests.e2e.conftest import Stack, free_port
from tests.e2e.failing import Deploying, dies, evidence, hint, override, wish

pytestmark = pytest.mark.engine


def test_a_model_whose_architecture_the_backend_does_not_know_is_said_with_its_line(stack: Stack) -> None:
    (stack.folder / "new.gguf").write_bytes(gguf_bytes().replace(b"llama", b"llamz"))
    said = dies(stack, "llamacpp", 8, "--model", "new.gguf", "--force")
    assert "this version of the backend does not know the model's architecture" in said
    assert any("unknown model architecture: 'llamz'" in line for line in evidence(said))
    assert "Use a newer image (`backend.image`) or another model" in hint(said)
    status = stack.fails(7, "status")
    assert "llamacpp: this version of the backend does not know the model's architecture" in status
    assert hint(status).endswith("Run `stackctl deploy` after that.")


def test_a_backend_killed_for_memory_says_what_to_lower(stack: Stack) -> None:
    wish(stack, '[backend]\ncontext = 1048576\n[limits]\nbackend_memory = "64 MiB"\n')
    said = dies(stack, "llamacpp", 6)
    assert "killed because it used more memory than its limit" in said
    assert "lower `backend.context`" in hint(said)
    assert "[limits] in stack.toml" in hint(said)


def test_an_image_without_the_backends_program_is_called_the_wrong_image(stack: Stack) -> None:
    wish(stack, '[backend]\nimage = "localhost/stackctl/base:1"\n')
    said = dies(stack, "llamacpp", 3)
    assert "its image localhost/stackctl/base:1 has no program that runs on this machine" in said
    assert any("No such file or directory" in line for line in evidence(said))
    assert "Check its image in stack.toml." in hint(said)


def test_a_backend_that_restarts_quicker_than_we_look_is_dead_all_the_same(stack: Stack) -> None:
    override(stack, llamacpp={"entrypoint": ["sh", "-c", "echo giving up; exit 9"]})
    said = dies(stack, "llamacpp", 7)
    assert "llamacpp: ended by itself (exit code 9)" in said
    assert "giving up" in evidence(said)


def test_a_share_that_went_away_is_said_by_the_engines_refusal_to_mount_it(stack: Stack) -> None:
    gone = {"type": "bind", "source": "/no/such/share", "target": "/x", "bind": {"create_host_path": False}}
    override(stack, llamacpp={"volumes": [gone]})
    said = stack.fails(4, "deploy", "--images", "own")
    assert "a file or folder to mount does not exist" in said
    assert any("/no/such/share" in line for line in evidence(said))
    assert "Mount the disk or share" in hint(said)


@pytest.mark.chaos
def test_not_ready_in_time_says_what_each_service_waits_for_and_the_next_deploy_goes_on(stack: Stack) -> None:
    loading = "echo \"load_model: loading model 'x'\"; sleep 12; exit 9"
    override(stack, llamacpp={"entrypoint": ["sh", "-c", loading]})
    said = stack.fails(7, "deploy", "--images", "own", "--timeout", "3", "--port", str(free_port()))
    assert "not ready after 3 s: llamacpp: reading the weights" in said
    assert "sillytavern: waits for the others" in said
    assert "--timeout SECONDS" in hint(said)
    status = stack.run("status", "--json", check=False)
    assert status.returncode == 7
    states = {s["name"]: s["state"] for s in json.loads(status.stdout)["services"]}
    assert states == {"llamacpp": "running", "sillytavern": "created"}

    # the next one takes it up where it is, its log included, and its first death is the end
    said = dies(stack, "llamacpp", 7)
    assert "… llamacpp: reading the weights" in said
    assert "ended by itself (exit code 9)" in said
    assert stack.inspect("llamacpp")["RestartCount"] <= 1
    (stack.folder / "compose.override.yml").unlink()
    assert stack.deploy()["reply"] == SENTENCE


@pytest.mark.chaos
def test_a_container_that_somebody_kills_lacked_no_memory(stack: Stack) -> None:
    override(stack, llamacpp={"entrypoint": ["sh", "-c", "echo loading; exec sleep 600"]})
    with Deploying(stack) as deploying:
        deploying.until("… llamacpp: starting")
        stack.docker("kill", stack.container("llamacpp"))
        assert deploying.end() == 7
    assert "llamacpp: killed from outside (signal 9)" in deploying.said
    assert "backend.context" not in deploying.said
    (stack.folder / "compose.override.yml").unlink()
    stack.deploy()
    stack.docker("kill", stack.container("sillytavern"))
    status = stack.fails(7, "status")
    assert "sillytavern does not run (exited, exit code 137)" in status
    assert hint(status) == "stackctl start"


@pytest.mark.chaos
def test_sillytavern_refusing_its_configuration_is_said_and_mending_it_is_enough(stack: Stack) -> None:
    override(stack, sillytavern={"environment": {"SILLYTAVERN_WHITELISTMODE": "false"}})
    said = dies(stack, "sillytavern", 3, "--port", str(free_port()))
    assert "SillyTavern refuses its configuration: it listens with neither a whitelist nor a password" in said
    assert any("Your current SillyTavern configuration is insecure" in line for line in evidence(said))
    assert "compose.override.yml" in hint(said)
    assert stack.inspect("llamacpp")["State"]["Status"] == "running"

    (stack.folder / "compose.override.yml").unlink()
    config = stack.folder / "sillytavern" / "config" / "config.yaml"
    good = config.read_text()
    config.write_text("listen: [unclosed\n")
    said = dies(stack, "sillytavern", 3)
    assert "SillyTavern can't read its config.yaml" in said
    assert any("listen: [unclosed" in line for line in evidence(said))

    # the same container starts again: what it wrote before must not count
    config.write_text(good)
    assert stack.deploy()["reply"] == SENTENCE


@pytest.mark.chaos
def test_sillytavern_is_found_alive_on_a_busy_cpu(stack: Stack) -> None:
    stack.deploy()
    page = stack.container("sillytavern")
    kind, *argv = stack.inspect("sillytavern")["Config"]["Healthcheck"]["Test"]
    stack.docker("update", "--cpus", "0.03", page)  # a node, as it was asked by before, takes 15 s there (run)
    for _ in range(3):
        began = time.monotonic()
        assert (kind, "HTTP/1.1 200 OK" in stack.docker("exec", page, *argv)) == ("CMD", True)
        assert time.monotonic() - began < 5
