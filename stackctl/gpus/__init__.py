"""The makes of GPU, one module each. To add one, write its module and list it here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from stackctl.contracts.host import Gpu
from stackctl.gpus import nvidia
from stackctl.gpus.contract import Make

GPUS: Final[MappingProxyType[str, Make]] = MappingProxyType(
    {
        nvidia.NAME: nvidia,
    }
)
# value of gpu.mode that passes a GPU on -> name of the mechanism
MODES: Final = MappingProxyType({mode: words for make in GPUS.values() for mode, words in make.MODES.items()})


def find_make(mode: str, seen: tuple[Gpu, ...], makes: Mapping[str, Make] = GPUS) -> Make:
    """Return the make whose GPUs this one of MODES passes on; of several, one that this machine has, else the first."""
    able = [make for make in makes.values() if mode in make.MODES]
    return next((make for make in able if any(gpu.make == make.NAME for gpu in seen)), able[0])


def chosen_by_auto(seen: tuple[Gpu, ...], makes: Mapping[str, Make] = GPUS) -> tuple[Gpu, ...]:
    """Return the GPUs that gpu.mode = "auto" may use; those of other makes are used only if a mode names them."""
    return tuple(gpu for gpu in seen if gpu.make in makes and makes[gpu.make].IS_AUTO)


def described_modes() -> str:
    """Return MODES as a text: "nvidia (NVIDIA Container Toolkit), cdi (...)"."""
    return ", ".join(f"{mode} ({words})" for mode, words in MODES.items())
