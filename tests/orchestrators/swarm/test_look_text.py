"""The program of a look, run for real by a shell, and its output, read as if an image had written it."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from stackctl.contracts.host import Cpu
from stackctl.contracts.node import FileSeen
from stackctl.orchestrators.swarm import look_text
from stackctl.orchestrators.swarm.look_text import read_printed, script


def run(program: str, *, path: str = "/usr/bin:/bin", **more: str) -> str:
    done = subprocess.run(
        ["/bin/sh", "-c", program], capture_output=True, text=True, check=True, timeout=20, env={"PATH": path, **more}
    )
    assert not done.stderr
    return done.stdout


def test_the_program_finds_a_file_with_its_size_and_its_beginning_and_one_that_is_missing(tmp_path: Path) -> None:
    content = b"x" * (look_text.HEAD_BYTES + 9)
    there, missing = tmp_path / "a model's file.gguf", tmp_path / "none.gguf"
    there.write_bytes(content)
    found = read_printed(run(script([str(there), str(missing)], asks_gpu=False)), ["/srv/a", "/srv/b"])
    head = hashlib.sha256(content[: look_text.HEAD_BYTES]).hexdigest()
    assert found.files == (FileSeen(path="/srv/a", size=len(content), head=head), FileSeen(path="/srv/b"))
    assert found.free_bytes
    assert found.is_whole


def test_the_program_reads_memory_processor_and_resources() -> None:
    found = read_printed(run(script([], asks_gpu=False), DOCKER_RESOURCE_GPU="GPU-a"), [])
    assert found.total_mib
    assert found.free_mib
    assert found.cpu
    assert found.resources == {"DOCKER_RESOURCE_GPU": "GPU-a"}


def test_the_program_asks_nvidia_smi_for_what_planning_needs(tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    row = "0, GPU-a, NVIDIA GeForce RTX 3060, 12288, 12000, 570.86.15, 8.6"
    tool.write_text(f'#!/bin/sh\n[ "$2" = "--format=csv,noheader,nounits" ] && echo "{row}"\n')
    tool.chmod(0o755)
    (found,) = read_printed(run(script([], asks_gpu=True), path=f"{tmp_path}:/usr/bin:/bin"), []).gpus
    assert (found.uuid, found.total_mib, found.free_mib, found.compute) == ("GPU-a", 12288, 12000, (8, 6))


def test_a_driver_that_does_not_run_is_kept_as_its_words(tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho Failed to initialize NVML: Driver/library version mismatch >&2\nexit 18\n")
    tool.chmod(0o755)
    found = read_printed(run(script([], asks_gpu=True), path=f"{tmp_path}:/usr/bin:/bin"), [])
    assert found.gpus == ()
    assert found.faults == ("Failed to initialize NVML: Driver/library version mismatch",)


def test_routes_become_subnets_and_the_default_route_is_none() -> None:
    routes = ("Destination Mask", "00000000 00000000", "0000580A 00FFFFFF", "000011AC 0000FFFF", "0000000A 000000AA")
    text = "\n".join(f"stackctl-sees route {one}" for one in routes)
    assert read_printed(text, []).subnets == ("10.88.0.0/24", "172.17.0.0/16")


@pytest.mark.parametrize(
    "line",
    [
        "file 7 5 " + "a" * 64,
        "file -1 5 " + "a" * 64,
        "file x",
        "file",
        "gpu a, b",
        "gpu 0, evil uuid, x, 1, 1, 1, 1",
        "free lots",
        "total -5",
        "machine x86;rm",
        "route zz zz",
        "device nvidia0",
    ],
)
def test_a_line_of_another_form_changes_nothing(line: str) -> None:
    found = read_printed(f"stackctl-sees {line}\n", ["/srv/a"])
    assert (found.files, found.gpus, found.free_bytes, found.total_mib, found.cpu) == ((), (), None, None, None)
    assert (found.subnets, found.devices, found.is_whole) == ((), (), False)


def test_a_checksum_of_another_form_counts_as_a_file_that_can_t_be_read() -> None:
    assert read_printed("stackctl-sees file 0 5 closed", ["/a"]).files == (FileSeen(path="/a", size=5),)
    assert read_printed("stackctl-sees file 0 5 " + "A" * 64, ["/a"]).files[0].head == ""


def test_a_processor_has_the_features_that_its_node_prints() -> None:
    text = "stackctl-sees machine x86_64\nstackctl-sees flags : fpu avx sse\n"
    assert read_printed(text, []).cpu == Cpu(architecture="x86_64", avx=True, avx2=False)
    assert read_printed("stackctl-sees machine aarch64\n", []).cpu == Cpu(architecture="aarch64")


def test_output_is_read_within_bounds_and_without_control_characters() -> None:
    noise = "noise\n" * 100_000
    assert not read_printed(noise + "stackctl-sees end", []).is_whole
    many = "\n".join(f"stackctl-sees gpu {at}, GPU-{at}, \x1b[31mred, 1, 1, 1, 1" for at in range(500))
    found = read_printed(many, []).gpus
    assert len(found) == 64
    assert found[0].name == "red"
