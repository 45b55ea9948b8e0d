"""What the chosen GPUs, their driver and the model's format need of an image or program, before it is pulled."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.backends import BACKENDS
from stackctl.contracts.gpu_code import GpuCode
from stackctl.contracts.host import Cpu, Gpu
from stackctl.core.observed import Observed
from stackctl.core.plan.stack import Plan
from stackctl.errors import GpuError
from tests.core.samples import GPU, PROGRAMS, decided, seen, wanted
from tests.core.samples import model as a_model


def gpu(name: str, *compute: int, cuda: tuple[int, ...] = (12, 8), index: int = 0) -> Gpu:
    return replace(GPU, index=index, uuid=f"GPU-{index}", name=name, compute=compute, cuda=cuda)


K80 = gpu("Tesla K80", 3, 7, cuda=(11, 4))
P40 = gpu("Tesla P40", 6, 1, cuda=(12, 8))
GTX_1080 = gpu("NVIDIA GeForce GTX 1080", 6, 1, cuda=(12, 4))
RTX_3060 = gpu("NVIDIA GeForce RTX 3060", 8, 6, cuda=(12, 2))
A100 = gpu("NVIDIA A100-SXM4-40GB", 8, 0, cuda=(12, 2))
RTX_5090 = gpu("NVIDIA GeForce RTX 5090", 12, 0, cuda=(13, 0))


def on(*gpus: Gpu, folder: str = "", cpu: Cpu | None = None) -> Observed:
    world = seen(gpus=gpus, of=a_model(folder=folder))
    return replace(world, programs=PROGRAMS, cpu=cpu or Cpu())


def planned(world: Observed, kind: str, **gpu: object) -> Plan:
    return decided(wanted(backend={"kind": kind}, gpu={"mode": "nvidia", **gpu}), world).plan


@pytest.mark.parametrize(
    ("card", "kind"),
    [
        (K80, "koboldcpp"),  # its build for old machines, CUDA 11.4
        (P40, "llamacpp"),
        (P40, "koboldcpp"),
        (P40, "textgen"),
        (GTX_1080, "koboldcpp"),
        (GTX_1080, "textgen"),
        (RTX_3060, "llamacpp"),  # machine code needs the driver for CUDA 12.0 alone
        (RTX_5090, "llamacpp"),
        (RTX_5090, "koboldcpp"),
        (RTX_5090, "textgen"),
        (replace(GTX_1080, compute=()), "llamacpp"),
        (replace(GTX_1080, cuda=()), "llamacpp"),
    ],
)
def test_a_gpu_for_which_there_is_code_that_its_driver_runs_is_taken(card: Gpu, kind: str) -> None:
    assert not [one for one in planned(on(card), kind).notes if "CUDA" in one and "old machines" not in one]


LLAMACPP = "llama.cpp's image server-cuda-b11459"
KOBOLDCPP = "`stackctl deploy --backend koboldcpp`, which has code for it"
VULKAN = "; `stackctl deploy --gpu vulkan`, which needs no CUDA"
ON_CPU = "run on the CPU with `stackctl deploy --gpu none`."


@pytest.mark.parametrize(
    ("card", "says", "hint"),
    [
        (K80, f"(Tesla K80): {LLAMACPP} has code from compute capability 5.0 on, and it has 3.7", KOBOLDCPP + VULKAN),
        (
            GTX_1080,
            f"(NVIDIA GeForce GTX 1080): {LLAMACPP} needs CUDA 12.8, and its driver knows 12.4",
            f"an NVIDIA driver of 570 or newer; {KOBOLDCPP}",
        ),
        (
            replace(RTX_3060, cuda=(11, 8)),
            f"(NVIDIA GeForce RTX 3060): {LLAMACPP} needs CUDA 12.0, and its driver knows 11.8",
            f"an NVIDIA driver of 525 or newer; {KOBOLDCPP}",
        ),
        (  # of an unknown capability: too old for every GPU
            replace(RTX_3060, compute=(), cuda=(11, 4)),
            f"(NVIDIA GeForce RTX 3060): {LLAMACPP} needs CUDA 12.0, and its driver knows 11.4",
            f"an NVIDIA driver of 525 or newer; {KOBOLDCPP}",
        ),
    ],
)
def test_a_gpu_without_code_or_driver_for_it_is_refused_with_what_runs_there(card: Gpu, says: str, hint: str) -> None:
    with pytest.raises(GpuError) as caught:
        planned(on(card), "llamacpp")
    assert (caught.value.exit_code, caught.value.message) == (5, f"GPU 0 {says}")
    assert caught.value.hint == f"Make one of these changes: {hint}. Or {ON_CPU}"


def test_safetensors_need_newer_gpus_than_gguf_in_the_same_image() -> None:
    with pytest.raises(GpuError) as caught:
        planned(on(P40, folder="m"), "textgen")
    assert "has code from compute capability 7.0 on, and it has 6.1" in caught.value.message
    assert caught.value.hint == f"R{ON_CPU[1:]}"
    assert planned(on(replace(P40, compute=(7, 0)), folder="m"), "textgen").variant == "cuda"


def test_the_build_for_cuda_13_is_refused_on_older_gpus_with_the_build_for_them() -> None:
    spec = wanted(backend={"build": "b11277"}, gpu={"mode": "nvidia"})
    with pytest.raises(GpuError) as caught:
        decided(spec, on(replace(P40, cuda=(13, 4))))
    assert "image server-cuda13-b11277 has code from compute capability 7.5 on" in caught.value.message
    assert caught.value.hint.startswith('Make one of these changes: backend.build = "b11459"')


def test_of_mixed_gpus_the_old_one_is_named_with_the_others_as_the_way_out() -> None:
    both = on(replace(RTX_3060, cuda=(12, 8)), replace(K80, index=1, uuid="GPU-1", cuda=(12, 8)))
    with pytest.raises(GpuError) as caught:
        planned(both, "llamacpp")
    assert caught.value.message.startswith("GPU 1 (Tesla K80): ")
    assert caught.value.hint.startswith('Make one of these changes: gpu.devices = ["0"] in')
    assert planned(both, "llamacpp", devices=("0",)).variant == "cuda"


def test_a_data_centre_gpu_may_run_a_newer_cuda_by_the_images_own_libraries_and_only_a_note_says_so() -> None:
    (said,) = [one for one in planned(on(A100), "llamacpp").notes if "CUDA" in one]
    assert said == (
        f"GPU 0 (NVIDIA A100-SXM4-40GB): {LLAMACPP} needs CUDA 12.8, and its driver knows 12.2; it runs only with "
        "NVIDIA's libraries for forward compatibility"
    )


def test_the_users_own_image_is_not_judged() -> None:
    spec = wanted(backend={"image": "example.org/llama:1"}, gpu={"mode": "nvidia"})
    assert decided(spec, on(K80)).plan.variant == "cuda"


CAPABILITY = st.tuples(st.integers(3, 13), st.integers(0, 9))


@given(CAPABILITY, CAPABILITY, st.lists(CAPABILITY, max_size=4), st.booleans(), CAPABILITY)
def test_code_never_needs_less_than_its_major_cuda_and_never_more_than_its_own(
    oldest: tuple[int, int],
    cuda: tuple[int, int],
    ready: list[tuple[int, int]],
    has_ptx: bool,
    compute: tuple[int, int],
) -> None:
    code = GpuCode(oldest=oldest, cuda=cuda, ready=tuple(ready), has_ptx=has_ptx)
    needed = code.needs(compute)
    if needed is None:
        assert compute not in ready
        assert not has_ptx or compute < oldest
    else:
        assert (cuda[0], 0) <= needed <= cuda


def test_every_image_and_program_for_nvidia_says_for_which_gpus_it_has_code() -> None:
    for backend in BACKENDS.values():
        images = [] if backend.PROGRAMS else [one.code for one in backend.IMAGES["cuda"]]
        programs = [one.code for name, one in backend.PROGRAMS.items() if "nocuda" not in name]
        assert all(code.keys() == set(backend.FORMATS) for code in (*images, *programs))
