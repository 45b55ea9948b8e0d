"""CDI files that are out of date, in both folders that an engine reads: what stackctl says of them is what it does."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.model.demo_model import SENTENCE
from tests.e2e.conftest import Stack, free_port
from tests.e2e.own_engine import IMAGES, OFFLOADS, OwnEngine, add_offloads, own_engine

pytestmark = [pytest.mark.engine, pytest.mark.debian, pytest.mark.machines]
NAME = "nvidia.com/gpu=0"
SETTINGS = f"""
images = "own"
[backend]
image = "{OFFLOADS}"
[gpu]
mode = "cdi"
devices = ["0"]
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """In the place of /etc/cdi and of /var/run/cdi."""
    return tmp_path_factory.mktemp("etc-cdi"), tmp_path_factory.mktemp("run-cdi")


@pytest.fixture(scope="module")
def machine(
    own_images: None, folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OwnEngine]:
    del own_images
    options = [word for folder in folders for word in ("--cdi-dir", str(folder))]
    with own_engine(tmp_path_factory.mktemp("cdi") / "engine", *options) as engine:
        add_offloads(engine.docker)
        yield engine


@pytest.fixture
def stack(
    machine: OwnEngine, folders: tuple[Path, Path], installed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Stack:
    for folder in folders:
        for file in folder.iterdir():
            file.unlink()
    folder = tmp_path_factory.mktemp("t-cdi")  # its number makes the stack's name another one in each test
    (folder / "stack.toml").write_text(SETTINGS)
    return Stack(folder=folder, program=installed, environment=machine.environment)


def write(file: Path, *, minor: int = 3, library: Path | None = None) -> None:
    """Describe a GPU whose device file is /dev/null, which is 1:3, and that says which file describes it."""
    mounts = [{"hostPath": str(library), "containerPath": "/lib/libcuda.so.550.54.14", "options": ["ro", "rbind"]}]
    edits = {
        "deviceNodes": [{"path": "/dev/harmless", "hostPath": "/dev/null", "major": 1, "minor": minor}],
        "env": [f"BY={file.parent.name[:3]}"],
        "mounts": mounts if library else [],
    }
    device = {"name": "0", "containerEdits": edits}
    file.write_text(json.dumps({"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": [device]}))


def on_engine(machine: OwnEngine, *words: str) -> Any:
    """What the engine itself makes of the device: a command in a container that has it."""
    argv = ["docker", "run", "--rm", "--device", NAME, "--entrypoint", words[0], IMAGES[0], *words[1:]]
    return subprocess.run(argv, env={**machine.environment}, capture_output=True, text=True, check=False)


def test_the_stale_file_of_two_folders_is_named_with_its_fix_and_the_gpu_is_there_after_it(
    machine: OwnEngine, folders: tuple[Path, Path], stack: Stack
) -> None:
    below, above = (folder / "nvidia.json" for folder in folders)
    write(below)
    write(above, minor=5)  # /dev/zero's
    assert on_engine(machine, "printenv", "BY").stdout == "run\n"
    assert on_engine(machine, "stat", "-c", "%t:%T", "/dev/harmless").stdout == "1:5\n"  # not the host's /dev/null
    said = stack.fails(5, "deploy", "--port", str(free_port()))
    assert f"the CDI file {above} is stale: it names /dev/null as device 1:5, but its numbers are 1:3" in said
    assert f"the engine reads it instead of {below}" in said
    assert f"sudo nvidia-ctk cdi generate --output={above}" in said
    assert not (stack.folder / "compose.yml").exists()
    write(above)  # what that command does
    result = json.loads(stack.run("deploy", "--json", "--port", str(free_port())).stdout)
    assert result["reply"] == SENTENCE
    inside = stack.docker("exec", stack.container("llamacpp"), "stat", "-c", "%t:%T", "/dev/harmless")
    assert inside == "1:3\n"
    write(below, minor=5)  # stale, too, but the engine does not take it
    assert json.loads(stack.run("deploy", "--json").stdout)["reply"] == SENTENCE


def test_a_library_that_an_update_removed_is_named_before_anything_starts(
    machine: OwnEngine, folders: tuple[Path, Path], stack: Stack, tmp_path: Path
) -> None:
    library = tmp_path / "libcuda.so.550.54.14"
    write(folders[0] / "nvidia.json", library=library)
    assert on_engine(machine, "true").returncode != 0
    said = stack.fails(5, "deploy", "--port", str(free_port()), "--dry-run")
    assert f"it mounts {library}, which does not exist" in said
    library.touch()
    assert on_engine(machine, "true").returncode == 0
    stack.run("deploy", "--dry-run", "--port", str(free_port()))


def test_two_files_of_one_folder_that_describe_a_device_are_named(
    machine: OwnEngine, folders: tuple[Path, Path], stack: Stack
) -> None:
    old, new = (folders[1] / name for name in ("gpu.json", "nvidia.json"))
    for file in (old, new):
        write(file)
    assert "unresolvable CDI devices" in on_engine(machine, "true").stderr
    said = stack.fails(5, "deploy", "--port", str(free_port()), "--dry-run")
    assert f"{old} and {new} both describe {NAME}" in said
    old.rename(f"{old}.old")
    assert on_engine(machine, "true").returncode == 0
    stack.run("deploy", "--dry-run", "--port", str(free_port()))
