"""GPUs of AMD and Intel, and NVIDIA's old ones, by Vulkan: render nodes, whose drivers the image contains.

NVIDIA's own driver for Vulkan is brought into a container by its toolkit, if the capability "graphics" is asked for.
Sources: ggml/src/ggml-vulkan/ggml-vulkan.cpp of ggml-org/llama.cpp (GGML_VK_VISIBLE_DEVICES; without it each GPU that a
container sees is used); loader/loader_linux.c of KhronosGroup/Vulkan-Loader (it lists separate GPUs before
integrated ones, each by PCI address); NVIDIA Container Toolkit's documentation (NVIDIA_DRIVER_CAPABILITIES). Not run on
such a GPU.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from stackctl.contracts.host import Gpu
from stackctl.contracts.memory import Device
from stackctl.contracts.service import GpuRequest, Variant
from stackctl.errors import GpuError
from stackctl.gpus import device_files
from stackctl.gpus.contract import Offer, Toolkit

NAME: Final[str] = "vulkan"
MODES: Final[Mapping[str, str]] = MappingProxyType({NAME: "Vulkan, for GPUs of AMD and Intel"})
IS_AUTO: Final[bool] = False
RUNTIME: Final[str] = ""
TOOLKIT: Final[Toolkit | None] = None
VARIANT: Final[Variant] = "vulkan"
DEVICE: Final[Device] = "vulkan"
NODES: Final[tuple[str, ...]] = ()  # render nodes have a name each, and the engine itself passes them on
LOOKS_FOR: Final[tuple[str, ...]] = ()  # those that are requested are all
VARIABLES: Final[tuple[str, ...]] = ()
LISTING: Final[tuple[str, ...]] = ()
_BY_TOOLKIT: Final = "nvidia"  # the make whose driver for Vulkan no image contains, and the engine's driver for it
_KIND: Final = "nvidia.com/gpu="
_NVIDIAS: Final = "/dev/nvidia"  # device files that its CDI devices add
_GRAPHICS: Final = {"NVIDIA_DRIVER_CAPABILITIES": "compute,utility,graphics"}


def passed_on(seen: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """Return all of them, counted as Vulkan counts them."""
    ordered = sorted(seen, key=lambda gpu: (gpu.is_unified, gpu.pci))
    return tuple(replace(gpu, index=index) for index, gpu in enumerate(ordered))


def choose_mode(offer: Offer | None) -> str:  # noqa: ARG001 - it has one mode
    return NAME


def request(mode: str, devices: tuple[str, ...], gpus: tuple[Gpu, ...], offer: Offer | None) -> GpuRequest:  # noqa: ARG001 - it has one mode
    if not gpus:
        return GpuRequest(
            make=NAME,
            files=device_files.nodes(gpus),
            groups=device_files.groups(gpus, offer),
            environment={} if devices == ("all",) else {"GGML_VK_VISIBLE_DEVICES": ",".join(_indices(devices))},
        )
    others = tuple(gpu for gpu in gpus if gpu.make != _BY_TOOLKIT)
    theirs = tuple(gpu.uuid for gpu in gpus if gpu.make == _BY_TOOLKIT)
    reserves = bool(theirs) and not (offer and offer.product)
    return GpuRequest(
        make=NAME,
        driver=_BY_TOOLKIT if reserves else "",
        devices=theirs if reserves else (),
        files=(*(device_files.nodes(others) if others else ()), *(f"{_KIND}{one}" for one in theirs if not reserves)),
        groups=device_files.groups(others, offer) if others else (),
        environment=_GRAPHICS if theirs else {},
    )


lost: Final = device_files.lost


def count(request: GpuRequest, gpus: tuple[Gpu, ...]) -> int:
    return max(len(request.devices), device_files.count(request, gpus))


def remarks(request: GpuRequest, gpus: tuple[Gpu, ...], offer: Offer | None) -> tuple[str, ...]:
    return tuple(device_files.remarks(NAME, request, gpus, offer))


describe_way: Final = device_files.describe_way
find_lack: Final = device_files.find_lack


def is_given(request: GpuRequest, drivers: tuple[str, ...], devices: tuple[str, ...]) -> bool:
    by_cdi = any(one.startswith(_KIND) for one in request.files)
    return (
        device_files.are_given(request, devices)
        and (not request.driver or request.driver in drivers)
        and (not by_cdi or any(one.startswith(_NVIDIAS) for one in devices))
    )


def _indices(devices: tuple[str, ...]) -> tuple[str, ...]:
    """Return these if they are numbers; raise GpuError for other names, which Vulkan does not know."""
    if names := [one for one in devices if not one.isdecimal()]:
        raise GpuError(
            f"gpu.devices: Vulkan can't choose {', '.join(names)} on a machine whose GPUs are not visible from here",
            hint='Name GPUs by their numbers, such as `devices = ["0"]`, or set `devices = ["all"]`.',
            issue="gpu-devices-wrong",
        )
    return devices
