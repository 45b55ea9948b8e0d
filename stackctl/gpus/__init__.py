"""The makes of GPU, one module each. To add one, write its module and list it here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from stackctl.contracts.host import Gpu
from stackctl.contracts.memory import Device
from stackctl.gpus import amd, nvidia, vulkan
from stackctl.gpus.contract import Make

GPUS: Final[MappingProxyType[str, Make]] = MappingProxyType(
    {
        nvidia.NAME: nvidia,
        amd.NAME: amd,
        vulkan.NAME: vulkan,
    }
)
# value of gpu.mode that passes a GPU on -> name of the mechanism
MODES: Final = MappingProxyType({mode: words for make in GPUS.values() for mode, words in make.MODES.items()})


def find_make(mode: str, seen: tuple[Gpu, ...], makes: Mapping[str, Make] = GPUS) -> Make:
    """Return the make whose GPUs this one of MODES passes on; of several, one that this machine has, else the first."""
    able = [make for make in makes.values() if mode in make.MODES]
    return next((make for make in able if make.passed_on(seen)), able[0])


def chosen_by_auto(seen: tuple[Gpu, ...], makes: Mapping[str, Make] = GPUS) -> tuple[Gpu, ...]:
    """Return the GPUs that gpu.mode = "auto" may use; those of other makes are used only if a mode names them."""
    able = [make for make in makes.values() if make.IS_AUTO]
    return tuple(gpu for gpu in seen if any(make.passed_on((gpu,)) for make in able))


def find_computing(device: Device, makes: Mapping[str, Make] = GPUS) -> Make | None:
    """Return the make whose memory is estimated for this device; None for the CPU."""
    return next((make for make in makes.values() if device == make.DEVICE), None)


def modes_of(gpu: Gpu, makes: Mapping[str, Make] = GPUS) -> dict[str, Make]:
    """Return the values of gpu.mode that pass this GPU on, without those that "auto" may choose; with their makes."""
    able = [make for make in makes.values() if not make.IS_AUTO and make.passed_on((gpu,))]
    return {mode: make for make in able for mode in make.MODES}


def separate(gpus: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """Return those that do not share the machine's memory, which leave out the others; all if every one shares it."""
    return tuple(gpu for gpu in gpus if not gpu.is_unified) or gpus


def described_modes() -> str:
    """Return MODES as a text: "nvidia (NVIDIA Container Toolkit), cdi (...)"."""
    return ", ".join(f"{mode} ({words})" for mode, words in MODES.items())
