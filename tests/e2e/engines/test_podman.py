"""Podman 5, by the socket that it offers to Docker's clients, where no systemd checks its containers' health."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from stackctl.core.model.demo_model import SENTENCE
from tests.e2e.conftest import Stack
from tests.e2e.engines.contained import ContainedEngine, contained_engine
from tests.e2e.own_engine import OFFLOADS, add_offloads

pytestmark = [pytest.mark.engine, pytest.mark.machines]
DEVICE = "/dev/nvidia0"
EDITS = {"deviceNodes": [{"path": path, "hostPath": "/dev/null"} for path in (DEVICE, "/dev/nvidiactl")]}
CDI = {"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": [{"name": "all", "containerEdits": EDITS}]}
# our own image has no CUDA in it; this one reports all the same that its layers are on the GPU
GPU = f'[backend]\nimage = "{OFFLOADS}"\n[gpu]\nmode = "cdi"\n'


@pytest.fixture(scope="module")
def podman(own_images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainedEngine]:
    """Podman with a harmless CDI device."""
    del own_images
    cdi = tmp_path_factory.mktemp("cdi")
    (cdi / "nvidia.json").write_text(json.dumps(CDI))
    with contained_engine("podman", "--volume", f"{cdi}:/etc/cdi:ro") as engine:
        add_offloads(engine.docker)
        yield engine


@pytest.fixture(scope="module")
def deployed(podman: ContainedEngine, installed: Path) -> tuple[Stack, str]:
    """A stack that was deployed to it, and the answer through SillyTavern."""
    stack = podman.stack("t-podman", installed)
    return stack, stack.deploy()["reply"]


def test_it_is_podman_5(podman: ContainedEngine) -> None:
    said = json.loads(podman.docker("version", "--format", "{{json .Server}}"))
    assert said["Components"][0]["Name"] == "Podman Engine"
    assert int(said["Version"].partition(".")[0]) >= 5


def test_it_runs_the_main_case_though_nobody_but_stackctl_checks_its_health(deployed: tuple[Stack, str]) -> None:
    stack, reply = deployed
    assert reply == SENTENCE
    services = yaml.safe_load((stack.folder / "compose.yml").read_text())["services"]
    assert not any("uid=" in folder for service in services.values() for folder in service["tmpfs"])
    assert "is ready" in stack.run("status").stdout


def test_smoke_finds_all_as_it_was_planned_its_default_network_included(deployed: tuple[Stack, str]) -> None:
    said = deployed[0].run("smoke", "--restart").stdout
    assert "0 failed, 0 not run" in said


def test_what_was_restarted_is_ready_again(deployed: tuple[Stack, str]) -> None:
    stack = deployed[0]
    stack.run("restart", "llamacpp")
    assert stack.inspect("llamacpp")["State"]["Health"]["Status"] == "healthy"


def test_a_gpu_is_passed_on_as_a_device_and_is_in_the_container(podman: ContainedEngine, installed: Path) -> None:
    stack = podman.stack("t-podman-gpu", installed)
    (stack.folder / "stack.toml").write_text(GPU)
    assert stack.deploy()["reply"] == SENTENCE
    assert stack.docker("exec", stack.container("llamacpp"), "ls", DEVICE).strip() == DEVICE
    # what an override takes away is not noticed by Podman; stackctl looks at what the container has
    (stack.folder / "compose.override.yml").write_text("services: {llamacpp: {devices: !reset []}}\n")
    said = stack.fails(5, "deploy", "--images", "own", "--no-rollback")  # which the override would spoil as well
    assert "made without the GPU that was asked for" in said
    stack.run("down")


def test_a_gpu_that_it_does_not_know_is_refused_before_anything_is_touched(
    podman: ContainedEngine, installed: Path
) -> None:
    stack = podman.stack("t-podman-no-gpu", installed)
    (stack.folder / "stack.toml").write_text(f'{GPU}devices = ["7"]\n')
    said = stack.fails(5, "deploy", "--images", "own")
    assert "nvidia.com/gpu=7" in said
    assert "nvidia-ctk cdi generate" in said
    assert not (stack.folder / "compose.yml").exists()


def test_down_leaves_nothing_on_it(podman: ContainedEngine, deployed: tuple[Stack, str]) -> None:
    deployed[0].run("down")
    assert podman.docker("ps", "-aq") == podman.docker("volume", "ls", "-q") == ""
    assert podman.docker("network", "ls", "--format", "{{.Name}}").splitlines() == ["bridge"]
