"""The makes of GPU, one module each. To add one: write the module, and list it here."""

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
# value of gpu.mode that passes a GPU on -> what does it, in words
MODES: Final = MappingProxyType({mode: words for make in GPUS.values() for mode, words in make.MODES.items()})


def find_make(mode: str, seen: tuple[Gpu, ...], makes: Mapping[str, Make] = GPUS) -> Make:
    """The make that is passed on in this one of MODES: of several the one that is here, else the first."""
    able = [make for make in makes.values() if mode in make.MODES]
    return next((make for make in able if any(gpu.make == make.NAME for gpu in seen)), able[0])


def described_modes() -> str:
    """MODES in words: "nvidia (NVIDIA Container Toolkit), cdi (...)"."""
    return ", ".join(f"{mode} ({words})" for mode, words in MODES.items())
