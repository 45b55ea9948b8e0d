"""Engine 29.2 and newer: its driver nvidia tries CDI first if `nvidia-cdi-hook` is on its PATH, then the hook."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Stack
from tests.e2e.engines.contained import ContainedEngine, contained_engine, run
from tests.e2e.own_engine import until
from tests.standins import nvml

pytestmark = [pytest.mark.engine, pytest.mark.machines]
IMAGE = "localhost/stackctl/llamacpp:debian"


@pytest.fixture(scope="module")
def newer(own_images: None) -> Iterator[ContainedEngine]:
    del own_images
    with contained_engine("newer", images=(IMAGE,)) as engine:
        for name in ("path", "cdi"):
            (engine.place / name).mkdir(exist_ok=True)
        yield engine


@pytest.fixture(scope="module")
def here(newer: ContainedEngine, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """An empty folder, and a driver that lists one GPU."""
    library = nvml.build(tmp_path_factory.mktemp("nvml"))
    environment = {**newer.environment, "STANDIN_NVML_MIB": "12288", "LD_LIBRARY_PATH": str(library)}
    return Stack(folder=tmp_path_factory.mktemp("t-newer"), program=installed, environment=environment)


def describe(newer: ContainedEngine, **numbers: int) -> None:
    """Have the engine know a GPU by a CDI file; numbers: major and minor, if the file has any."""
    nodes = [{"path": f"/dev/{name}", "hostPath": "/dev/null", **numbers} for name in ("nvidiactl", "nvidia0")]
    devices = [{"name": name, "containerEdits": {"deviceNodes": nodes}} for name in ("0", "all")]
    common = {"env": ["NVIDIA_VISIBLE_DEVICES=void"]}
    text = {"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": devices, "containerEdits": common}
    (newer.place / "cdi" / "nvidia.json").write_text(json.dumps(text))


def put_on_path(newer: ContainedEngine, name: str) -> None:
    """Put a program that does nothing on the engine's PATH, and start the engine again, which looks for it then."""
    (newer.place / "path" / name).write_text("#!/bin/sh\nexit 0\n")
    (newer.place / "path" / name).chmod(0o755)
    run("restart", newer.container)
    until(lambda: newer.docker("info", "--format", "{{.ServerVersion}}"), 60, "it does not answer again")


def layers(here: Stack, code: int, *words: str) -> dict[str, dict[str, Any]]:
    done = here.run("gpu", "--json", *words, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return {one["layer"]: one for one in json.loads(done.stdout)["layers"]}


def test_its_driver_takes_cdi_devices_once_their_hook_is_there_and_so_fails_by_a_stale_file(
    newer: ContainedEngine, here: Stack
) -> None:
    assert newer.docker("info", "--format", "{{.ServerVersion}}") >= "29.2"
    describe(newer)
    without = layers(here, 5, "--gpu", "nvidia")["engine"]
    assert without["hint"].startswith("Run `stackctl deploy --gpu cdi`, which works here. ")
    put_on_path(newer, "nvidia-cdi-hook")
    with_hook = layers(here, 0, "--gpu", "nvidia")
    assert with_hook["engine"]["message"].endswith("by the driver nvidia, which uses CDI devices")
    assert with_hook["container"]["state"] == "works"
    describe(newer, major=9, minor=9)
    stale = layers(here, 5, "--gpu", "nvidia")["engine"]
    assert (stale["state"], "nvidia.json is stale" in stale["message"]) == ("fails", True)
    (newer.place / "cdi" / "nvidia.json").unlink()
    assert "CDI files do not describe it" in layers(here, 5, "--gpu", "nvidia")["engine"]["message"]


def test_it_falls_back_to_the_hook_where_cdi_has_no_such_device(newer: ContainedEngine, here: Stack) -> None:
    put_on_path(newer, "nvidia-container-runtime-hook")
    found = layers(here, 5, "--gpu", "nvidia")
    assert found["engine"]["message"].endswith("by the driver nvidia, which uses the hook of NVIDIA's toolkit")
    assert "no device file of an NVIDIA GPU" in found["container"]["message"]
