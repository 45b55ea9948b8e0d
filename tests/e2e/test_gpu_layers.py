"""`stackctl gpu` on an engine of its own, with each layer broken in turn: no GPU is needed for it.

NVML is played by a library, NVIDIA's hook by a program that makes harmless device files.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Stack
from tests.e2e.nvidia_hook import HOOK, steer, write_hook
from tests.e2e.own_engine import IMAGES, OwnEngine, own_engine
from tests.standins import nvml

pytestmark = [pytest.mark.engine, pytest.mark.debian, pytest.mark.machines]
ONE_GPU = {"STANDIN_NVML_MIB": "12288"}


@pytest.fixture(scope="module")
def extra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the engine's PATH, with NVIDIA's hook in it."""
    folder = tmp_path_factory.mktemp("path")
    write_hook(folder)
    steer(folder)
    return folder


@pytest.fixture(scope="module")
def cdi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The engine's folder of CDI files, empty at first."""
    return tmp_path_factory.mktemp("cdi")


@pytest.fixture(scope="module")
def machine(own_images: None, extra: Path, cdi: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEngine]:
    del own_images
    options = ("--cdi-dir", str(cdi), "--path-extra", str(extra))
    with own_engine(tmp_path_factory.mktemp("layers") / "engine", *options, images=IMAGES[:1]) as engine:
        yield engine


@pytest.fixture(scope="module")
def here(machine: OwnEngine, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """An empty folder, and a driver that lists one GPU."""
    environment = {**machine.environment, **ONE_GPU, "LD_LIBRARY_PATH": str(nvml.build(tmp_path_factory.mktemp("l")))}
    return Stack(folder=tmp_path_factory.mktemp("t-layers"), program=installed, environment=environment)


@pytest.fixture(scope="module")
def bare(machine: OwnEngine, extra: Path, here: Stack) -> Stack:
    """The same once the engine has no hook any more, which it looks for when it starts."""
    (extra / HOOK).unlink(missing_ok=True)
    machine.restart()
    return here


def look(here: Stack, code: int, *words: str, **environment: str) -> dict[str, Any]:
    """What `stackctl gpu` finds, which ends with this code; nothing is written and no container stays."""
    there = Stack(here.folder, here.program, {**here.environment, **environment})
    done = there.run("gpu", "--json", *words, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert list(here.folder.iterdir()) == []
    assert here.docker("ps", "--all", "--quiet") == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def states(found: dict[str, Any]) -> list[str]:
    return [one["state"] for one in found["layers"]]


def layer(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [one for one in found["layers"] if one["layer"] == name]
    result: dict[str, Any] = one
    return result


def describe(cdi: Path, *nodes: str) -> None:
    """Have the engine know a GPU by a CDI file with these device files, which are all /dev/null."""
    edits = {"deviceNodes": [{"path": f"/dev/{node}", "hostPath": "/dev/null"} for node in nodes]}
    devices = [{"name": name, "containerEdits": edits} for name in ("0", "all")]
    common = {"env": ["NVIDIA_VISIBLE_DEVICES=void"]}
    text = {"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": devices, "containerEdits": common}
    (cdi / "nvidia.json").write_text(json.dumps(text))


@pytest.mark.sample
def test_a_hook_that_gives_the_device_files_works_and_one_that_fails_or_gives_none_is_told_apart(
    here: Stack, extra: Path
) -> None:
    found = look(here, 0)
    assert states(found) == ["works", "works", "works", "not_tried"]
    assert layer(found, "engine")["message"].endswith("which uses the hook of NVIDIA's toolkit")
    steer(extra, nodes=())
    lacking = layer(look(here, 5), "container")
    assert (lacking["state"], "no device file of an NVIDIA GPU" in lacking["message"]) == ("fails", True)
    steer(extra, nodes=("nvidiactl", "nvidia0", "nvidia1"))
    assert "it sees 2 GPUs, requested: 1" in layer(look(here, 5), "container")["message"]
    steer(extra, says="nvidia-container-cli: initialization error: nvml error: driver/library version mismatch")
    refused = layer(look(here, 5), "engine")
    assert (refused["state"], refused["hint"].startswith("Reboot the machine")) == ("fails", True)
    (extra / HOOK).unlink()  # while the engine runs: its toolkit was removed
    gone = layer(look(here, 5), "engine")
    assert gone["message"] == "a program of the NVIDIA Container Toolkit is no longer there"


def test_an_engine_with_neither_hook_nor_cdi_is_named_with_the_toolkit_as_its_fix(bare: Stack) -> None:
    found = look(bare, 5)
    assert states(found) == ["works", "fails", "not_tried", "not_tried"]
    assert layer(found, "engine")["message"] == "the engine does not offer the NVIDIA driver to containers"
    assert "nvidia-ctk runtime configure --runtime=docker" in layer(found, "engine")["hint"]
    assert "--gpu cdi" not in layer(found, "engine")["hint"]


def test_a_machine_without_a_gpu_ends_well(bare: Stack) -> None:
    found = look(bare, 0, STANDIN_NVML_MIB="")
    assert (found["gpus"], found["fault"]) == ([], None)


def test_a_driver_that_was_updated_while_it_ran_is_the_first_fault(bare: Stack) -> None:
    found = look(bare, 5, STANDIN_NVML_INIT="18")
    assert (found["fault"], states(found)[1:]) == ("driver", ["not_tried", "not_tried", "not_tried"])


def test_cdi_devices_are_seen_chosen_and_present_and_offered_where_only_they_work(bare: Stack, cdi: Path) -> None:
    describe(cdi, "nvidiactl", "nvidia0")
    found = look(bare, 0)
    assert states(found)[:3] == ["works", "works", "works"]
    assert found["engine"]["cdi_devices"] == ["nvidia.com/gpu=0", "nvidia.com/gpu=all"]
    assert layer(found, "engine")["message"].endswith("gives GPUs as CDI devices")
    assert "/dev/nvidia0" in layer(found, "container")["message"]
    reserved = look(bare, 5, "--gpu", "nvidia")
    assert layer(reserved, "engine")["hint"].startswith("Run `stackctl deploy --gpu cdi`, which works here. ")
    (cdi / "nvidia.json").unlink()
