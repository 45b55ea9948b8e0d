"""What fails before the start leaves a running stack exactly as it is; what fails after it names what ran before."""

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import SENTENCE
from tests.e2e.conftest import Stack, free_port
from tests.e2e.failing import dies, evidence, files, hint, ids, lasting, override, wish

pytestmark = pytest.mark.engine
IMAGE = "localhost/stackctl/llamacpp:debian"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, installed: Path, own_images: None) -> Iterator[Stack]:
    """A stack that was deployed and runs, for all tests here."""
    del own_images
    with lasting(tmp_path_factory.mktemp("failures") / "t-fails-before", installed) as stack:
        stack.deploy("--no-proof")
        yield stack


@pytest.fixture
def untouched(running: Stack) -> Iterator[Stack]:
    """The running stack; afterwards the very same containers must run, and its files are put back."""
    before = {name: (running.folder / name).read_bytes() for name in ("stack.toml", "stack.lock", "compose.yml")}
    ran = [running.inspect(service) for service in ("llamacpp", "sillytavern")]
    yield running
    after = [running.inspect(service) for service in ("llamacpp", "sillytavern")]
    compose = (running.folder / "compose.yml").read_bytes()
    for name, raw in before.items():
        (running.folder / name).write_bytes(raw)
    (running.folder / "compose.override.yml").unlink(missing_ok=True)
    assert [(c["Id"], c["State"]["StartedAt"]) for c in after] == [(c["Id"], c["State"]["StartedAt"]) for c in ran]
    assert all(c["State"]["Status"] == "running" for c in after)
    assert compose == before["compose.yml"]


def fails(stack: Stack, code: int, *words: str) -> str:
    return stack.fails(code, "deploy", "--images", "own", *words)


def test_an_image_that_is_not_to_be_had_ends_the_deploy_with_the_registrys_words(untouched: Stack) -> None:
    wish(untouched, '[backend]\nimage = "localhost:1/none:1"\n')
    said = fails(untouched, 4)
    assert "the image localhost:1/none:1 can't be pulled" in said
    assert "connection refused" in said
    assert "is this machine online?" in hint(said)


def test_a_gpu_that_the_engine_can_not_give_is_refused_with_the_fix(untouched: Stack) -> None:
    """With NVIDIA's toolkit or without it: nobody has this device."""
    wish(untouched, f'[backend]\nimage = "{IMAGE}"\n[gpu]\nmode = "nvidia"\ndevices = ["no-such-gpu"]\n')
    said = fails(untouched, 5)
    assert evidence(said)
    assert "stackctl deploy --gpu none" in hint(said)
    lacks_driver = any('could not select device driver "nvidia"' in line for line in evidence(said))
    assert ("nvidia-ctk runtime configure --runtime=docker" in hint(said)) == lacks_driver


def test_a_cdi_device_that_the_engine_does_not_know_is_refused_with_the_command_that_makes_it(
    untouched: Stack,
) -> None:
    wish(untouched, f'[backend]\nimage = "{IMAGE}"\n[gpu]\nmode = "cdi"\ndevices = ["no-such-gpu"]\n')
    said = fails(untouched, 5)
    assert "the engine knows no CDI device nvidia.com/gpu=no-such-gpu" in said
    assert "nvidia-ctk cdi generate" in hint(said)


def test_a_port_that_a_process_holds_is_named_with_it(untouched: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        said = fails(untouched, 4, "--port", str(port))
    assert f"port {port} is taken by " in said
    assert f"(process {os.getpid()})" in said
    assert "stackctl deploy --port " in hint(said)


def test_a_port_that_a_process_holds_on_all_addresses_is_taken_as_well(untouched: Stack) -> None:
    with socket.create_server(("", 0)) as holder:
        port = holder.getsockname()[1]
        assert f"(process {os.getpid()})" in fails(untouched, 4, "--port", str(port))


@contextlib.contextmanager
def container(stack: Stack, port: int | None = None) -> Iterator[tuple[str, int]]:
    """A container of somebody else that publishes a port (None: any): its name and the port."""
    name = f"{stack.name}-other"
    words = ("-d", "--rm", "--init", "--name", name, "-p", f"127.0.0.1:{port or ''}:80", "--entrypoint", "sleep")
    stack.docker("run", *words, "localhost/stackctl/base:1", "300")
    try:
        yield name, int(stack.docker("port", name, "80/tcp").rpartition(":")[2])
    finally:
        stack.docker("rm", "-f", name)


def test_a_port_that_another_container_publishes_is_named_with_it(untouched: Stack) -> None:
    with container(untouched) as (name, port):
        said = fails(untouched, 4, "--port", str(port))
    assert f"port {port} is taken by container {name}" in said


@contextlib.contextmanager
def network(stack: Stack, *words: str) -> Iterator[str]:
    """A network of somebody else: its subnet."""
    name = f"{stack.name}-other"
    stack.docker("network", "create", *words, name)
    try:
        yield json.loads(stack.docker("network", "inspect", name))[0]["IPAM"]["Config"][0]["Subnet"]
    finally:
        stack.docker("network", "rm", name)


def test_a_chosen_subnet_that_another_network_has_is_refused(untouched: Stack) -> None:
    with network(untouched) as subnet:
        wish(untouched, f'[network]\ninner = "{subnet}"\n')
        said = fails(untouched, 4)
    assert f"network.inner {subnet} overlaps with {subnet}, which this machine already uses" in said
    assert 'set it to "auto" in stack.toml' in hint(said)


def test_two_subnets_that_overlap_each_other_are_refused(untouched: Stack) -> None:
    wish(untouched, '[network]\ninner = "10.211.5.0/25"\nedge = "10.211.5.0/24"\n')
    said = fails(untouched, 4)
    assert "network.edge 10.211.5.0/24 overlaps with 10.211.5.0/25, which network.inner already uses" in said


def test_what_is_recorded_and_taken_is_chosen_anew_at_once_before_sillytavern_has_run_and_asked_for_later(
    stack: Stack,
) -> None:
    stack.run("render", "--images", "own", "--model", "demo")
    lock = json.loads((stack.folder / "stack.lock").read_text())
    recorded = lock["decisions"]["network.inner"]["value"]
    port = lock["decisions"]["sillytavern.port"]["value"]
    with network(stack, "--subnet", recorded), container(stack, port) as (name, _):
        anew = stack.run("deploy", "--dry-run").stdout
        assert "subnet:" in anew
        assert recorded not in anew
        assert f"127.0.0.1:{port}:" not in anew
    stack.deploy("--no-proof")
    stack.run("down")
    with container(stack, port) as (name, _):
        assert f"port {port} is taken by container {name}" in fails(stack, 4)
    with network(stack, "--subnet", recorded):
        said = fails(stack, 4)
        assert f"network.inner {recorded} overlaps with {recorded}" in said
        assert "stackctl deploy --replan chooses another" in hint(said)
        assert ids(stack) == []
        assert recorded not in stack.run("deploy", "--images", "own", "--replan", "--dry-run").stdout


def test_every_mistake_in_stack_toml_is_listed_with_its_line(untouched: Stack) -> None:
    wish(untouched, 'nme = "chat"\n[backend]\nkind = "kobold"\ncontext = "many"\n[sillytavern]\nport = 70000\n')
    said = fails(untouched, 3)
    assert "4 mistakes in stack.toml" in said
    assert "stack.toml:1: nme: unknown key (did you mean name?)" in said
    assert 'stack.toml:3: backend.kind: must be one of "koboldcpp"' in said
    assert "stack.toml:4: backend.context: must be a number of tokens" in said
    assert "stack.toml:6: sillytavern.port: must be a port from 1 to 65535" in said


def test_a_stack_toml_that_is_not_toml_is_said_with_the_line(untouched: Stack) -> None:
    wish(untouched, 'name = "chat"\n[backend\n')
    said = fails(untouched, 3)
    assert "stack.toml is not TOML" in said
    assert "line 2" in said


def test_a_wrong_value_on_the_command_line_is_not_written(untouched: Stack) -> None:
    before = (untouched.folder / "stack.toml").read_text()
    said = fails(untouched, 3, "--port", "70000")
    assert "sillytavern.port = 70000; nothing was written" in hint(said)
    assert (untouched.folder / "stack.toml").read_text() == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("services:\n  llamacpp:\n    command: [1\n", "yaml: ", id="yaml"),
        pytest.param("services:\n  llamacpp:\n    nonsense: 1\n", "nonsense", id="key"),
        pytest.param("services:\n  llamacpp:\n    depends_on: [nobody]\n", "nobody", id="service"),
    ],
)
def test_a_broken_compose_override_yml_is_refused_in_composes_words(untouched: Stack, text: str, says: str) -> None:
    (untouched.folder / "compose.override.yml").write_text(text)
    said = fails(untouched, 3)
    assert "Compose refuses compose.override.yml: " in said
    assert any(says in line for line in evidence(said))
    assert "mend it, or move it away; nothing was changed" in hint(said)


def test_a_broken_stack_lock_is_said_with_the_way_out(untouched: Stack) -> None:
    (untouched.folder / "stack.lock").write_text('{"decisions": {<<<<<<< HEAD\n')
    said = fails(untouched, 3)
    assert "stack.lock can't be read" in said
    assert "delete stack.lock" in hint(said)


def test_a_missing_model_leaves_the_stack_alone(untouched: Stack) -> None:
    assert "there is no model at" in fails(untouched, 8, "--model", "not-here.gguf")


def test_a_stack_of_the_same_name_elsewhere_is_refused(untouched: Stack, tmp_path: Path) -> None:
    folder = tmp_path / untouched.name
    folder.mkdir()
    other = Stack(folder=folder, program=untouched.program, environment=untouched.environment)
    said = fails(other, 3)
    assert f"the name '{untouched.name}' belongs to the stack in {untouched.folder}" in said
    assert "stackctl deploy --name NAME" in hint(said)
    assert files(other) == []
    shutil.copy(untouched.folder / "compose.yml", folder)
    for verb in ("stop", "down"):
        assert "belongs to the stack in" in other.fails(3, verb)


def test_a_stack_that_is_still_there_under_another_name_is_refused(untouched: Stack) -> None:
    said = fails(untouched, 3, "--name", f"{untouched.name}-2")
    assert f"still there under the name '{untouched.name}': two on the same chats would damage them" in said
    assert f"docker compose -p {untouched.name} down" in hint(said)


def test_so_is_one_whose_folder_was_moved_but_not_a_copy(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack()
    stack.deploy("--no-proof", "--port", str(free_port()))
    there = stack.folder.with_name(f"{stack.name}-moved")
    stack.folder.rename(there)
    moved, twin = (replace(stack, folder=there.with_name(f"{stack.name}-{end}")) for end in ("moved", "twin"))
    with contextlib.ExitStack() as at_the_end:
        at_the_end.callback(moved.clean)
        at_the_end.callback(twin.clean)
        said = moved.fails(3, "deploy", "--no-proof")
        assert f"still there under the name '{stack.name}', started in {stack.folder}: two on" in said
        stack.docker("compose", "-p", stack.name, "down")
        moved.run("deploy", "--no-proof")
        shutil.copytree(there, twin.folder)
        twin.run("deploy", "--no-proof", "--port", str(free_port()))
        assert moved.run("status").returncode == 0


def test_what_ran_before_is_named_and_the_rest_runs_on_when_a_changed_deploy_fails(running: Stack) -> None:
    page = running.inspect("sillytavern")["Id"]
    good = (running.folder / "stack.toml").read_text()
    wish(running, f'{good}\n[backend]\nextra_args = ["--no-such-flag"]\n')
    said = dies(running, "llamacpp", 3)
    assert f"before this deploy ran: llamacpp ({IMAGE}, healthy), sillytavern (" in hint(said)
    found = running.inspect("sillytavern")
    assert (found["Id"], found["State"]["Status"]) == (page, "running")
    wish(running, good)
    assert running.deploy()["reply"] == SENTENCE


def test_an_override_is_honoured_and_so_are_the_deaths_that_it_causes(running: Stack) -> None:
    override(running, llamacpp={"entrypoint": ["sh", "-c", "echo I give up; exit 5"]})
    said = dies(running, "llamacpp", 7)
    assert "ended by itself (exit code 5)" in said
    assert "I give up" in evidence(said)
    assert "stackctl logs llamacpp" in hint(said)
    (running.folder / "compose.override.yml").unlink()
    running.deploy("--no-proof")
