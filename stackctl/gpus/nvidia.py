"""NVIDIA: by the driver of the NVIDIA Container Toolkit or as CDI devices, never both.

Sources: Docker's release notes (CDI); nvidia-ctk's own help.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from stackctl.contracts.host import Gpu
from stackctl.contracts.memory import Device
from stackctl.contracts.service import GpuRequest, Variant
from stackctl.errors import GpuError
from stackctl.gpus.contract import Offer

NAME: Final[str] = "nvidia"
RUNTIME: Final[str] = "nvidia"
VARIANT: Final[Variant] = "cuda"
DEVICE: Final[Device] = "cuda"
_TOOLKIT, _CDI = "nvidia", "cdi"  # modes, and the engine's drivers of the same names
MODES: Final[Mapping[str, str]] = MappingProxyType({_TOOLKIT: "NVIDIA Container Toolkit", _CDI: "CDI device files"})
_KIND: Final = "nvidia.com/gpu="
_ALL: Final = f"{_KIND}all"
_FILES: Final = ("/dev/nvidia", "/dev/dxg")  # what its CDI devices put into a container; the latter on WSL
_CDI_ENGINE, _CDI_BY_ITSELF = (25,), (28, 3)  # behind a feature flag first, then always on
_GENERATE: Final = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"


def choose_mode(offer: Offer | None) -> str:
    """CDI where the engine has no drivers; the toolkit's where it has its runtime, else CDI where it has devices.

    With neither, still the toolkit's: a start that fails with the fix beats a CPU used in silence.
    """
    if offer and offer.product:
        return _CDI
    if offer and RUNTIME not in offer.runtimes and any(one.startswith(_KIND) for one in offer.cdi_devices):
        return _CDI
    return _TOOLKIT


def request(mode: str, devices: tuple[str, ...], offer: Offer | None) -> GpuRequest:
    if offer and offer.product:
        if mode != _CDI:
            raise GpuError(
                f"{offer.product} passes no GPU on by the toolkit's driver: it would leave it out without a word",
                hint="take CDI: stackctl deploy --gpu cdi",
            )
        return GpuRequest(make=NAME, files=_cdi_names(devices))
    if mode == _CDI:
        return GpuRequest(make=NAME, driver=_CDI, devices=_cdi_devices(devices, offer))
    return GpuRequest(make=NAME, driver=_TOOLKIT, devices=() if devices == ("all",) else devices)


def count(request: GpuRequest, gpus: tuple[Gpu, ...]) -> int:
    asked = request.devices or request.files
    return max(1, len(gpus)) if not asked or _ALL in asked else len(asked)


def is_given(request: GpuRequest, drivers: tuple[str, ...], devices: tuple[str, ...]) -> bool:
    return request.driver in drivers if request.driver else any(one.startswith(_FILES) for one in devices)


def _cdi_names(devices: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one if "=" in one else f"{_KIND}{one}" for one in devices)


def _cdi_devices(devices: tuple[str, ...], offer: Offer | None) -> tuple[str, ...]:
    """The devices' full names, each of which the engine must know."""
    wanted = _cdi_names(devices)
    if offer is None or not (offer.is_local or offer.cdi_devices):
        return wanted  # nobody can tell from here; the engine will
    if wanted == (_ALL,) and _ALL not in offer.cdi_devices:
        wanted = tuple(one for one in offer.cdi_devices if one.startswith(_KIND)) or wanted
    missing = [one for one in wanted if one not in offer.cdi_devices]
    if missing:
        raise GpuError(f"the engine knows no CDI device {', '.join(missing)}", hint=_cdi_hint(offer))
    return wanted


def _cdi_hint(offer: Offer) -> str:
    if offer.version < _CDI_ENGINE:
        return (
            "CDI needs Docker Engine 25 or newer: update it, or use the toolkit's driver: stackctl deploy --gpu nvidia"
        )
    if offer.cdi_devices:
        return f"it knows {', '.join(offer.cdi_devices)}; the device files are made by: {_GENERATE}"
    flag = ', set "features": {"cdi": true} in /etc/docker/daemon.json' if offer.version < _CDI_BY_ITSELF else ""
    return f"make the device files: {_GENERATE}{flag}, then restart the engine"
