"""What one short container with the requested GPUs shows, and the verdicts on the engine and on the container."""

from dataclasses import replace

import pytest

from stackctl.contracts.cdi import CdiFile, CdiSeen, Edits, Node
from stackctl.contracts.gpu_trial import GpuTrial, Inside
from stackctl.contracts.service import GpuRequest
from stackctl.core.gpu.cdi_files import promised_nodes
from stackctl.core.gpu.layers import LayerVerdict, first_fault
from stackctl.core.gpu.trial import judge_trial

RESERVED = GpuRequest(make="nvidia", driver="nvidia")
BY_CDI = GpuRequest(make="nvidia", driver="cdi", devices=("nvidia.com/gpu=all",))
NODES = ("/dev/nvidiactl", "/dev/nvidia0")
TWO = (*NODES, "/dev/nvidia1")
SMI = ("GPU 0: NVIDIA GeForce RTX 3060 (UUID: GPU-1)",)
SEES = GpuTrial(drivers=("nvidia",), inside=Inside(nodes=NODES))


def judged(request: GpuRequest, trial: GpuTrial, gpus: int = 1) -> tuple[LayerVerdict, LayerVerdict]:
    return judge_trial(request, trial, gpus or None, "Docker Engine 29.7.2")


def container(inside: Inside, request: GpuRequest = RESERVED, gpus: int = 1) -> LayerVerdict:
    return judged(request, replace(SEES, drivers=(request.driver,), inside=inside), gpus)[1]


@pytest.mark.parametrize(
    ("request_", "visible", "way"),
    [
        (RESERVED, "void", "by the driver nvidia, which uses CDI devices"),
        (RESERVED, "all", "by the driver nvidia, which uses the hook of NVIDIA's toolkit"),
        (BY_CDI, "void", "as CDI devices"),
    ],
)
def test_the_engine_works_and_by_which_way_is_seen_inside(request_: GpuRequest, visible: str, way: str) -> None:
    inside = Inside(nodes=NODES, variables={"NVIDIA_VISIBLE_DEVICES": visible})
    engine, sees = judged(request_, GpuTrial(drivers=(request_.driver,), inside=inside))
    assert (engine.state, engine.says) == ("works", f"Docker Engine 29.7.2 gives GPUs {way}")
    assert (sees.state, sees.says) == ("works", "it sees /dev/nvidiactl, /dev/nvidia0")


def test_a_refusal_is_the_engines_fault_and_no_container_was_tried() -> None:
    engine, unstarted = judged(RESERVED, GpuTrial(drivers=("nvidia",), refusal="could not select device driver"))
    assert (engine.state, engine.says) == ("fails", "the engine does not offer the NVIDIA driver to containers")
    assert "nvidia-ctk runtime configure" in engine.hint
    assert engine.evidence == ("could not select device driver",)
    assert (unstarted.state, unstarted.hint) == ("not tried", "")


def test_an_engine_that_drops_the_request_silently_is_at_fault() -> None:
    engine, unstarted = judged(RESERVED, GpuTrial(drivers=()))
    assert (engine.state, unstarted.state) == ("fails", "not tried")
    assert "without the GPU" in engine.says


def test_a_container_that_was_granted_a_gpu_and_has_none_is_at_fault_with_a_fix_for_its_way() -> None:
    reserved, by_cdi = container(Inside()), container(Inside(), BY_CDI)
    assert (reserved.state, by_cdi.state) == ("fails", "fails")
    assert "no device file of an NVIDIA GPU" in reserved.says
    assert "nvidia-ctk runtime configure" in reserved.hint
    assert "nvidia-ctk cdi generate" in by_cdi.hint
    assert "--gpu none" in reserved.hint


def test_device_files_that_a_cdi_file_promises_and_that_are_missing_are_named() -> None:
    trial = GpuTrial(drivers=("cdi",), promised=("/dev/nvidiactl", "/dev/nvidia7"), inside=Inside(nodes=NODES))
    found = judged(BY_CDI, trial)[1]
    assert (found.state, found.says) == ("fails", "it lacks /dev/nvidia7")
    harmless = GpuTrial(drivers=("cdi",), promised=("/dev/harmless",), inside=Inside(nodes=("/dev/harmless",)))
    assert judged(BY_CDI, harmless)[1].state == "works"


def test_device_files_that_were_requested_must_be_there_and_can_be_opened() -> None:
    files = GpuRequest(make="nvidia", files=("/dev/kfd", "/dev/dri"))
    assert container(Inside(nodes=("/dev/dri",)), files).says == "it lacks /dev/kfd"
    closed = container(Inside(nodes=NODES, closed=("/dev/nvidiactl",)))
    assert (closed.state, closed.says) == ("fails", "its user can't open /dev/nvidiactl")


@pytest.mark.parametrize(
    ("inside", "gpus", "says"),
    [
        (Inside(nodes=NODES), 1, ""),
        (Inside(nodes=TWO), 2, ""),
        (Inside(nodes=NODES), 2, "it sees 1 GPU, requested: 2"),
        (Inside(nodes=TWO), 1, "it sees 2 GPUs, requested: 1"),
        (Inside(nodes=("/dev/dxg",)), 2, ""),  # WSL: one device file for all
        (Inside(nodes=("/dev/dxg",), listing=SMI), 2, "it sees 1 GPU, requested: 2"),
        (Inside(nodes=NODES, listing=(*SMI, "  MIG 1g.5gb Device 0: (UUID: MIG-1)")), 2, ""),
        (Inside(nodes=NODES, listing=SMI), 1, ""),
        (Inside(nodes=NODES), 0, ""),  # a remote engine's GPUs are unknown
        (Inside(nodes=("/dev/nvidia0",)), 1, "it has a GPU's device file but not /dev/nvidiactl"),
        (Inside(nodes=NODES, listing=()), 1, "nvidia-smi runs inside and lists no GPU"),
    ],
)
def test_the_container_sees_as_many_gpus_as_were_requested(inside: Inside, gpus: int, says: str) -> None:
    found = container(inside, gpus=gpus)
    assert (found.state, found.says if says else "") == ("fails" if says else "works", says)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            "Failed to initialize NVML: Driver/library version mismatch",
            "the libraries of another version of the driver",
        ),
        ("Failed to initialize NVML: Unknown Error", "the engine's rules for devices keep it from the GPU"),
        ("Failed to initialize NVML: Insufficient Permissions", "its user may not open the GPU's device files"),
        ("NVIDIA-SMI couldn't find libnvidia-ml.so library in your system", "it lacks the driver's library"),
        ("something new", "nvidia-smi fails inside (exit 9)"),
    ],
)
def test_what_nvidia_smi_complains_of_inside_is_called_what_it_is(words: str, says: str) -> None:
    found = container(Inside(nodes=NODES, listing=(words,), listing_code=9))
    assert found.state == "fails"
    assert says in found.says
    assert words in found.evidence
    assert found.hint


def test_a_stale_cdi_file_explains_a_refusal_and_a_lack_by_cdi_and_nothing_else() -> None:
    stale = LayerVerdict(layer="engine", state="fails", says="/etc/cdi/nvidia.yaml is stale", hint="Run `x`.")
    refused = GpuTrial(drivers=("nvidia",), refusal="CDI device injection failed: failed to stat CDI host device")
    assert judge_trial(RESERVED, refused, 1, "Docker", stale)[0].says == stale.says
    by_hook = GpuTrial(drivers=("nvidia",), refusal="nvidia-container-cli: device error")
    assert judge_trial(RESERVED, by_hook, 1, "Docker", stale)[0].says != stale.says
    void = Inside(variables={"NVIDIA_VISIBLE_DEVICES": "void"})
    assert judge_trial(RESERVED, GpuTrial(drivers=("nvidia",), inside=void), 1, "Docker", stale)[0] == stale
    assert judge_trial(RESERVED, SEES, 1, "Docker", stale)[0].state == "works"


def test_the_device_files_that_cdi_files_add_are_those_of_the_folder_that_counts() -> None:
    files = tuple(
        CdiFile(path=f"/{folder}", folder=folder, devices={"nvidia.com/gpu=0": Edits(nodes=(node,))})
        for folder, node in enumerate((Node(path="/dev/old", inside="/dev/old"), Node(path="/dev/x", inside="/dev/y")))
    )
    assert promised_nodes(CdiSeen(files=files), ("nvidia.com/gpu=0", "nvidia.com/gpu=7")) == ("/dev/y",)
    assert promised_nodes(None, ("nvidia.com/gpu=0",)) == ()


def test_an_image_without_a_shell_leaves_the_container_untried() -> None:
    engine, unseen = judged(RESERVED, GpuTrial(drivers=("nvidia",), unseen="the image has no shell"))
    assert (engine.state, unseen.state, unseen.says) == ("works", "not tried", "the image has no shell")
    assert first_fault((engine, unseen)) is None
