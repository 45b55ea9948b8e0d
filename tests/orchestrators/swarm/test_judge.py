"""The verdict on a node: why the backend can't run there, in plain words."""

from dataclasses import replace
from typing import Any

import pytest

from stackctl.contracts.host import Gpu
from stackctl.contracts.node import FileSeen
from stackctl.orchestrators.swarm.judge import Ran, judge
from stackctl.orchestrators.swarm.look_text import Printed
from tests.orchestrators.swarm.nodes_samples import GPU1, HERE, MODEL, wanted

CARD = Gpu(index=0, uuid="GPU-a", name="RTX 3060", total_mib=12288, free_mib=12000)
GOOD = Printed(files=(HERE,), free_bytes=1 << 30, total_mib=8000, free_mib=7000, gpus=(CARD,), is_whole=True)


def test_a_node_with_model_and_gpu_passes_with_what_was_seen() -> None:
    found = judge(GPU1, Ran(state="complete", printed=GOOD), wanted())
    assert found.passes
    assert (found.total_mib, found.free_mib, found.gpus) == (8000, 7000, (CARD,))


@pytest.mark.parametrize(
    ("changes", "says", "hint", "issue"),
    [
        ({"files": (FileSeen(path=MODEL),)}, "missing", "models pull --nodes", "swarm-model-missing"),
        ({"files": (FileSeen(path=MODEL),), "free_bytes": 1}, "0 MiB are free", "Make room", "swarm-model-missing"),
        ({"files": (replace(HERE, size=4),)}, "4 bytes there, and 5 here", "models pull", "swarm-model-missing"),
        ({"files": (replace(HERE, head="b" * 64),)}, "another content", "models pull", "swarm-model-missing"),
        ({"files": (replace(HERE, head=""),)}, "user 1000", f"chmod a+r {MODEL}", "folder-not-readable"),
        ({"files": ()}, "did not say", "again", "swarm-no-node"),
        ({"gpus": ()}, "it offers NVIDIA-GPU, but", "DOCKER_RESOURCE_NVIDIA-GPU", "swarm-no-node"),
        ({"gpus": (), "devices": ("/dev/nvidia0",), "faults": ("no driver",)}, "no driver", "runtime", "swarm-no-node"),
    ],
)
def test_what_a_node_lacks_is_said_with_what_to_do(changes: Any, says: str, hint: str, issue: str) -> None:
    files = {MODEL: replace(HERE, size=5)}
    found = judge(GPU1, Ran(state="complete", printed=replace(GOOD, **changes)), wanted(files=files))
    assert not found.passes
    assert says in found.problem
    assert hint in found.hint
    assert found.issue == issue


def test_fewer_gpus_than_the_backend_needs_are_not_enough() -> None:
    found = judge(GPU1, Ran(state="complete", printed=GOOD), wanted(least=2))
    assert found.problem == "a container there sees 1 of the 2 GPUs that the backend needs"


def test_a_gpu_of_which_only_the_device_file_is_seen_is_enough() -> None:
    seen = replace(GOOD, gpus=(), devices=("/dev/nvidia0", "/dev/nvidiactl"))
    assert judge(GPU1, Ran(state="complete", printed=seen), wanted()).passes


def test_no_gpu_is_asked_for_where_the_backend_computes_on_the_cpu() -> None:
    assert judge(GPU1, Ran(state="complete", printed=replace(GOOD, gpus=())), wanted(needs_gpu=False)).passes


def test_a_folder_that_is_not_there_is_a_missing_model_and_not_waited_for() -> None:
    error = 'invalid mount config for type "bind": bind source path does not exist: /srv/models'
    found = judge(GPU1, Ran(state="rejected", error=error), wanted())
    assert (found.problem, found.issue) == ("the model is missing: there is no /srv/models", "swarm-model-missing")
    assert found.files == (FileSeen(path=MODEL),)


def test_an_image_that_no_registry_has_comes_with_the_two_commands_that_bring_it() -> None:
    error = "No such image: localhost/stackctl/llamacpp:debian"
    found = judge(replace(GPU1, name="gpu 1"), Ran(state="rejected", error=error), wanted())
    assert found.issue == "swarm-image-missing"
    assert "`docker save localhost/stackctl/llamacpp:debian | ssh 'gpu 1' docker load`" in found.hint


def test_an_image_of_a_registry_that_a_node_can_t_pull_comes_with_the_node_s_words_once() -> None:
    image = "ghcr.io/x/y:1"
    lacking = wanted(image=image, image_is_own=False)
    found = judge(GPU1, Ran(state="rejected", error=f"pull access denied for {image}"), lacking)
    assert found.problem == f"it can't fetch the image {image}: pull access denied for"
    assert judge(GPU1, Ran(state="rejected", error=f"No such image: {image}"), lacking).problem.endswith(image)


def test_a_look_that_did_not_run_says_how_it_ended_without_control_characters() -> None:
    found = judge(GPU1, Ran(state="failed", error="exec /bin/sh\x1b[2J: no such file"), wanted())
    assert found.problem == "the look did not run: exec /bin/sh: no such file"
    assert "stayed pending" in judge(GPU1, Ran(state="pending"), wanted()).problem
