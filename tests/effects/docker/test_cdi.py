"""The CDI files of folders that an engine reads, and what there is of all that they name, below another root."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from stackctl.contracts.cdi import CdiSeen, PathSeen
from stackctl.core.gpu.cdi_files import CONTROL, find_faults, resolve
from stackctl.effects.docker import cdi

NAME = "nvidia.com/gpu=0"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    (tmp_path / "etc-cdi").mkdir()
    (tmp_path / "run-cdi").mkdir()
    return tmp_path


def write(folder: Path, name: str = "nvidia.json", **edits: Any) -> Path:
    content = {"kind": "nvidia.com/gpu", "devices": [{"name": "0", "containerEdits": edits}]}
    (folder / name).write_text(json.dumps(content))
    return folder / name


def look(root: Path, **info: Any) -> CdiSeen:
    return cdi.look({"CDISpecDirs": [f"{root}/etc-cdi", f"{root}/run-cdi"], **info}, root=root)


def test_the_last_folder_wins_and_what_its_file_names_is_looked_at(root: Path) -> None:
    (root / "lib.so").touch()
    (root / "hook").touch(mode=0o755)
    (root / "no-hook").touch(mode=0o644)
    (root / "dev/link").symlink_to("/dev/null")
    write(root / "etc-cdi", deviceNodes=[{"path": "/dev/gone"}])
    nodes = [{"path": "/dev/x", "hostPath": "/dev/link"}]
    winner = write(
        root / "run-cdi",
        deviceNodes=nodes,
        mounts=[{"hostPath": one, "containerPath": one} for one in ("/lib.so", "/lib.so/below", "/gone.so")],
        hooks=[{"hookName": "createContainer", "path": one} for one in ("/hook", "/no-hook")],
    )
    found = look(root)
    assert resolve(found.files)[0][NAME].path == str(winner)
    assert found.paths == {
        **dict.fromkeys((*CONTROL, "/dev/gone", "/gone.so", "/lib.so/below"), PathSeen()),
        "/dev/link": PathSeen(exists=True, is_program=False),  # a link is no device file for the engine
        "/lib.so": PathSeen(exists=True, is_program=False),
        "/hook": PathSeen(exists=True),
        "/no-hook": PathSeen(exists=True, is_program=False),
    }


def test_a_device_file_is_seen_with_its_numbers() -> None:
    assert cdi._path(Path("/"), "/dev/null") == PathSeen(exists=True, device=(1, 3), is_program=False)


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30 UTC 2024\n", "550.54.14"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (root@b)\n", "580.65.06"),
        ("something else", ""),
    ],
)
def test_the_loaded_driver_is_known_by_its_version(root: Path, says: str, version: str) -> None:
    (root / "proc/driver/nvidia/version").write_text(says)
    assert look(root).driver == version


def test_the_toolkits_service_is_known_with_the_file_that_it_writes(root: Path) -> None:
    assert look(root).refreshed == ""
    unit = root / "usr/lib/systemd/system/nvidia-cdi-refresh.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    assert look(root).refreshed == "/var/run/cdi/nvidia.yaml"
    real = Path(os.path.realpath("/var/run/cdi"))
    assert look(root, CDISpecDirs=[str(real)]).refreshed == f"{real}/nvidia.yaml"
    settings = root / "etc/nvidia-container-toolkit/nvidia-cdi-refresh.env"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        f"# NVIDIA_CTK_CDI_OUTPUT_FILE_PATH=/no\nNVIDIA_CTK_CDI_OUTPUT_FILE_PATH={root}/etc-cdi/gpu.json\n"
    )
    assert look(root).refreshed == f"{root}/etc-cdi/gpu.json"


def test_what_is_no_cdi_file_hangs_and_fills_nothing(root: Path) -> None:
    folder = root / "run-cdi"
    os.mkfifo(folder / "pipe.yaml")
    (folder / "folder.yaml").mkdir()
    (folder / "gone.yaml").symlink_to("nowhere")
    (folder / "loop.yaml").symlink_to("loop.yaml")
    (folder / "zero.yaml").symlink_to("/dev/zero")
    (folder / "note.txt").write_text("kind: nvidia.com/gpu\ndevices: [{name: '0'}]")
    with (folder / "large.json").open("wb") as stream:
        stream.truncate(1 << 40)
    found = look(root)
    assert [(Path(one.path).name, bool(one.error)) for one in found.files] == [
        ("gone.yaml", True),
        ("large.json", True),
        ("loop.yaml", True),
        ("pipe.yaml", True),
        ("zero.yaml", True),
    ]
    assert len(find_faults(found)) == 5
    assert look(root, CDISpecDirs=None).files == ()
