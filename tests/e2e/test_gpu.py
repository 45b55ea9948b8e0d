"""GPUs without a GPU: a harmless CDI device, a stand-in for NVIDIA's hook, a stand-in for the driver's library.

One engine of its own and one stack on it, deployed on the CPU first; each test deploys it anew in its own way.
"""

import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stackctl.core.model.demo_model import SENTENCE
from tests.e2e.conftest import Stack, free_port
from tests.e2e.nvidia_hook import HOOK, calls, steer, write_hook
from tests.e2e.own_engine import OFFLOADS, OwnEngine, add_offloads, own_engine, until
from tests.standins import nvml

pytestmark = [pytest.mark.engine, pytest.mark.debian, pytest.mark.machines]
SETTINGS = f"""
images = "own"
[backend]
# our own image has no CUDA in it; this one reports all the same that its layers are on the GPU
image = "{OFFLOADS}"
[gpu]
mode = "none"
devices = ["0"]
"""
CDI = {
    "cdiVersion": "0.6.0",
    "kind": "nvidia.com/gpu",
    "devices": [
        {
            "name": name,
            "containerEdits": {
                "deviceNodes": [
                    {"path": path, "hostPath": "/dev/null", "permissions": "rw"}
                    for path in ("/dev/harmless", "/dev/nvidiactl")
                ],
                "env": [f"STANDIN_GPU={name}"],
            },
        }
        for name in ("0", "all")
    ],
}


@pytest.fixture(scope="module")
def extra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the engine's PATH, empty at first."""
    return tmp_path_factory.mktemp("path")


@pytest.fixture(scope="module")
def machine(own_images: None, extra: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEngine]:
    """An engine with a CDI device; NVIDIA's hook is not on its PATH."""
    del own_images
    cdi = tmp_path_factory.mktemp("cdi")
    (cdi / "nvidia.json").write_text(json.dumps(CDI))
    options = ("--cdi-dir", str(cdi), "--path-extra", str(extra))
    with own_engine(tmp_path_factory.mktemp("gpu") / "engine", *options) as engine:
        add_offloads(engine.docker)
        yield engine


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NVML that sees one GPU."""
    return nvml.build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture(scope="module")
def running(machine: OwnEngine, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack on that engine, on the CPU."""
    folder = tmp_path_factory.mktemp("on-gpu") / "t-gpu"
    folder.mkdir()
    (folder / "stack.toml").write_text(SETTINGS)
    stack = Stack(folder=folder, program=installed, environment=machine.environment)
    stack.run("deploy", "--port", str(free_port()))
    return stack


def deploy(stack: Stack, mode: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(stack.run("deploy", "--json", "--gpu", mode).stdout)
    return result


def inside(stack: Stack, *words: str) -> str:
    """What a command says inside of the backend's container."""
    return stack.docker("exec", stack.container("llamacpp"), *words)


def chosen(stack: Stack, library: Path) -> dict[str, Any] | None:
    """What `auto` would render here for a machine with one GPU; None: the CPU."""
    seeing = {**stack.environment, "LD_LIBRARY_PATH": str(library), "STANDIN_NVML_MIB": "12288"}
    text = Stack(stack.folder, stack.program, seeing).run("deploy", "--dry-run", "--show", "--gpu", "auto").stdout
    backend = yaml.safe_load(text)["services"]["llamacpp"]
    if "deploy" not in backend:
        return None
    found: dict[str, Any] = backend["deploy"]["resources"]["reservations"]["devices"][0]
    return found


def hook(machine: OwnEngine, extra: Path, *, wanted: bool) -> None:
    """Have NVIDIA's hook on the engine's PATH, or not; the engine looks for it when it starts."""
    if wanted == (extra / HOOK).exists():
        return
    if wanted:
        write_hook(extra)
        steer(extra)
    else:
        (extra / HOOK).unlink()
    machine.restart()


def test_a_driver_that_the_engine_does_not_offer_is_refused_and_what_runs_runs_on(
    machine: OwnEngine, extra: Path, running: Stack
) -> None:
    hook(machine, extra, wanted=False)
    deploy(running, "none")
    before = [running.inspect(service)["State"]["StartedAt"] for service in ("llamacpp", "sillytavern")]
    compose = (running.folder / "compose.yml").read_bytes()
    said = running.fails(5, "deploy", "--gpu", "nvidia")
    assert "the engine does not offer the NVIDIA driver to containers" in said
    assert "nvidia-ctk runtime configure --runtime=docker" in said
    assert "--gpu none" in said
    assert [running.inspect(s)["State"]["StartedAt"] for s in ("llamacpp", "sillytavern")] == before
    assert (running.folder / "compose.yml").read_bytes() == compose
    assert running.run("status", check=False).returncode == 0


def test_a_cdi_device_and_its_variable_are_inside_the_backends_container_alone(running: Stack) -> None:
    assert deploy(running, "cdi")["reply"] == SENTENCE
    assert inside(running, "stat", "-c", "%F:%t:%T", "/dev/harmless") == "character special file:1:3\n"
    assert "STANDIN_GPU=0" in inside(running, "cat", "/proc/1/environ").split("\0")
    requests = running.inspect("llamacpp")["HostConfig"]["DeviceRequests"]
    assert [(one["Driver"], one["DeviceIDs"]) for one in requests] == [("cdi", ["nvidia.com/gpu=0"])]
    assert running.inspect("sillytavern")["HostConfig"]["DeviceRequests"] is None


def test_a_cdi_device_that_is_not_there_is_refused_with_those_that_are(running: Stack) -> None:
    settings = running.folder / "stack.toml"
    before = settings.read_text()
    settings.write_text(before.replace('devices = ["0"]', 'devices = ["7"]'))
    try:
        said = running.fails(5, "deploy", "--gpu", "cdi")
    finally:
        settings.write_text(before)
    assert "the engine has no CDI device nvidia.com/gpu=7" in said
    assert "nvidia.com/gpu=0" in said
    assert "nvidia-ctk cdi generate" in said


def test_a_gpu_that_gets_lost_on_the_way_is_an_error_and_not_a_slow_chat(running: Stack) -> None:
    override = running.folder / "compose.override.yml"
    override.write_text("services: {llamacpp: {deploy: !reset null}}\n")
    try:
        said = running.fails(5, "deploy", "--gpu", "cdi")
    finally:
        override.unlink()
    assert "llamacpp: the container was made without the GPU" in said
    assert "compose.override.yml" in said
    assert running.inspect("llamacpp")["State"]["Status"] == "exited"
    assert deploy(running, "cdi")["reply"] == SENTENCE


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "load_tensors: offloaded 0/33 layers to GPU",
            "computes on the CPU, though a GPU was asked for: 0 of 33 layers",
        ),
        (
            "ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected",
            "CUDA finds no GPU that it can use in the container (no CUDA-capable device is detected)",
        ),
    ],
    ids=["no-layer", "no-cuda"],
)
def test_a_backend_that_computes_on_the_cpu_is_exit_5_though_it_answers_and_what_ran_runs_again(
    running: Stack, line: str, says: str
) -> None:
    deploy(running, "none")
    override = running.folder / "compose.override.yml"
    override.write_text(json.dumps({"services": {"llamacpp": {"environment": {"STANDIN_SAYS": line}}}}))
    try:
        said = running.fails(5, "deploy", "--gpu", "cdi")
    finally:
        override.unlink()
    assert says in said
    assert "--gpu none" in said
    assert "Rolled back" in said
    assert running.run("status", check=False).returncode == 0
    assert 'mode = "none"' in (running.folder / "stack.toml").read_text()


def test_a_gpu_that_a_container_loses_while_it_runs_is_said_by_status_with_what_gives_it_back(running: Stack) -> None:
    deploy(running, "cdi")
    past = json.loads(running.run("history", "--json").stdout)["deploys"][0]
    assert (past["layers_on_gpu"], past["layers"]) == (3, 3)
    pid = running.inspect("llamacpp")["State"]["Pid"]
    node = Path(f"/proc/{pid}/root/dev/nvidiactl")  # as systemd's daemon-reload does it: there, and not to be opened
    node.unlink()
    os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(195, 255))
    until(lambda: running.inspect("llamacpp")["State"]["Health"]["Status"] == "unhealthy", 60, "it is not unhealthy")
    done = running.run("status", check=False)
    assert done.returncode != 0
    assert "it has lost the GPU: its container can't open /dev/nvidiactl" in done.stdout + done.stderr
    assert "stackctl restart" in done.stdout + done.stderr
    running.run("restart")
    assert running.run("status", check=False).returncode == 0


def test_nvidias_driver_is_asked_for_the_gpus_that_were_chosen(machine: OwnEngine, extra: Path, running: Stack) -> None:
    hook(machine, extra, wanted=True)
    assert deploy(running, "nvidia")["reply"] == SENTENCE
    (call,) = [call for call in calls(extra) if call["id"] == running.inspect("llamacpp")["Id"]]
    assert call["words"] == ["prestart"]
    assert "NVIDIA_VISIBLE_DEVICES=0" in call["asked"]
    before = running.inspect("llamacpp")["State"]["StartedAt"]
    assert deploy(running, "nvidia")["reply"] == SENTENCE
    assert running.inspect("llamacpp")["State"]["StartedAt"] == before


def test_auto_takes_cdi_where_the_engine_has_only_that_and_nvidias_runtime_where_it_is_there(
    machine: OwnEngine, running: Stack, library: Path
) -> None:
    assert chosen(running, library) == {"driver": "cdi", "device_ids": ["nvidia.com/gpu=0"], "capabilities": ["gpu"]}
    config = machine.root / "daemon.json"
    before = config.read_text()
    runtime = {"nvidia": {"path": "nvidia-container-runtime"}}  # as `nvidia-ctk runtime configure` writes it
    config.write_text(json.dumps({**json.loads(before), "runtimes": runtime}))
    try:
        os.kill(machine.pid, signal.SIGHUP)
        until(lambda: "nvidia" in machine.docker("info", "--format", "{{json .Runtimes}}"), 20, "no such runtime")
        device = {"driver": "nvidia", "device_ids": ["0"], "capabilities": ["gpu"]}
        assert chosen(running, library) == device
    finally:
        config.write_text(before)
        os.kill(machine.pid, signal.SIGHUP)
    assert chosen(running, library.parent) is None  # no driver, no card: the CPU


def test_of_two_gpus_the_freest_is_taken_by_the_engines_name_for_it_and_one_that_is_not_there_is_refused(
    running: Stack, library: Path, tmp_path: Path
) -> None:
    (tmp_path / "answers").write_text("mib = 12288,24576\n0.free_mib = 9000\n1.free_mib = 4000\n")
    seeing = {**running.environment, "LD_LIBRARY_PATH": str(library), "STANDIN_NVML": str(tmp_path / "answers")}
    here = Stack(running.folder, running.program, {**seeing, "CUDA_VISIBLE_DEVICES": "1"})
    done = here.run("deploy", "--dry-run", "--show", "--gpu", "cdi", "--gpus", "free")
    device = yaml.safe_load(done.stdout)["services"]["llamacpp"]["deploy"]["resources"]["reservations"]["devices"][0]
    assert (device["driver"], device["device_ids"]) == ("cdi", ["nvidia.com/gpu=0"])
    assert "CUDA_VISIBLE_DEVICES='1' is set here and not obeyed" in done.stdout + done.stderr
    assert "this machine has no GPU 7, only GPU 0" in here.fails(
        5, "deploy", "--dry-run", "--gpu", "cdi", "--gpus", "7"
    )
