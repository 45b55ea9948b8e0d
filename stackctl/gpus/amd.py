"""AMD's GPUs by ROCm: the device file of its driver for computing, and the GPUs' render nodes.

Sources: docs/docker.md of ggml-org/llama.cpp of autumn 2026 (device files, groups, the architectures of its images and
when HSA_OVERRIDE_GFX_VERSION is of use); ROCm's documentation on GPU isolation (ROCR_VISIBLE_DEVICES takes indices and
UUIDs; a container sees the GPUs whose render nodes it has, counted from 0 on). Not run on such a GPU.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from stackctl.contracts.host import Gpu
from stackctl.contracts.memory import Device
from stackctl.contracts.service import GpuRequest, Variant
from stackctl.errors import GpuError
from stackctl.gpus import device_files
from stackctl.gpus.contract import Offer, Toolkit

NAME: Final[str] = "amd"
_ROCM: Final = "rocm"
MODES: Final[Mapping[str, str]] = MappingProxyType({_ROCM: "AMD's ROCm"})
IS_AUTO: Final[bool] = False
RUNTIME: Final[str] = ""
TOOLKIT: Final[Toolkit | None] = None
VARIANT: Final[Variant] = "rocm"
DEVICE: Final[Device] = "rocm"
LOOKS_FOR: Final[tuple[str, ...]] = ()  # those that are requested are all
VARIABLES: Final[tuple[str, ...]] = ()
LISTING: Final[tuple[str, ...]] = ()
_KFD: Final = "/dev/kfd"
NODES: Final[tuple[str, ...]] = (_KFD,)
_BUILT: Final = frozenset(
    {
        "gfx908", "gfx90a", "gfx942", "gfx950",
        "gfx1010", "gfx1011", "gfx1012",
        "gfx1030", "gfx1031", "gfx1032", "gfx1033", "gfx1034", "gfx1035", "gfx1036",
        "gfx1100", "gfx1101", "gfx1102", "gfx1103",
        "gfx1150", "gfx1151", "gfx1152", "gfx1153",
        "gfx1200", "gfx1201",
    }
)  # fmt: skip


def passed_on(seen: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    return tuple(gpu for gpu in seen if gpu.make == NAME)


def choose_mode(offer: Offer | None) -> str:  # noqa: ARG001 - it has one mode
    return _ROCM


def request(mode: str, devices: tuple[str, ...], gpus: tuple[Gpu, ...], offer: Offer | None) -> GpuRequest:  # noqa: ARG001 - it has one mode
    if unable := [gpu.name for gpu in gpus if not gpu.architecture]:
        raise GpuError(
            f"ROCm can't use {', '.join(unable)}: the kernel's driver shows no {_KFD} for it",
            hint="Load the kernel's driver with `sudo modprobe amdgpu`, or run `stackctl deploy --gpu vulkan`.",
            issue="gpu-driver-missing",
        )
    are_chosen_inside = not gpus and devices != ("all",)
    return GpuRequest(
        make=NAME,
        files=(_KFD, *device_files.nodes(gpus)),
        groups=device_files.groups(gpus, offer),
        environment={"ROCR_VISIBLE_DEVICES": ",".join(devices)} if are_chosen_inside else {},
    )


count: Final = device_files.count
lost: Final = device_files.lost


def remarks(request: GpuRequest, gpus: tuple[Gpu, ...], offer: Offer | None) -> tuple[str, ...]:
    strange = sorted({gpu.architecture for gpu in gpus} - _BUILT)
    return (
        *device_files.remarks(_ROCM, request, gpus, offer),
        *(
            f"llama.cpp's newest images for ROCm are not built for {one}: use `stackctl deploy --gpu vulkan`, or try "
            "the environment variable HSA_OVERRIDE_GFX_VERSION in compose.override.yml, which can give wrong results"
            for one in strange
        ),
    )


describe_way: Final = device_files.describe_way
find_lack: Final = device_files.find_lack


def is_given(request: GpuRequest, drivers: tuple[str, ...], devices: tuple[str, ...]) -> bool:  # noqa: ARG001 - no driver of the engine gives it
    return device_files.are_given(request, devices)
