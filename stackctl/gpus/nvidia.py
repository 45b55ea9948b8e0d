"""NVIDIA GPUs: passed on by the driver of the NVIDIA Container Toolkit or as CDI devices, never by both.

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
IS_AUTO: Final[bool] = True
RUNTIME: Final[str] = "nvidia"
VARIANT: Final[Variant] = "cuda"
DEVICE: Final[Device] = "cuda"
_TOOLKIT, _CDI = "nvidia", "cdi"  # names of modes and of the engine's drivers alike
MODES: Final[Mapping[str, str]] = MappingProxyType({_TOOLKIT: "NVIDIA Container Toolkit", _CDI: "CDI device files"})
_KIND: Final = "nvidia.com/gpu="
_ALL: Final = f"{_KIND}all"
_FILES: Final = ("/dev/nvidia", "/dev/dxg")  # device files that its CDI devices add; the latter on WSL
_CDI_ENGINE, _CDI_BY_ITSELF = (25,), (28, 3)  # first behind a feature flag, then always on
_GENERATE: Final = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"


def choose_mode(offer: Offer | None) -> str:
    """Choose CDI if the engine reserves no GPUs, or has CDI devices but not the toolkit's runtime; else the toolkit.

    The toolkit is the choice even if the engine has neither: a start that fails and names the fix is better than the
    CPU used without notice.
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
                f"{offer.product} can't pass a GPU on by the toolkit's driver: it would silently leave it out",
                hint="Run `stackctl deploy --gpu cdi`.",
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
    """Return the devices' full names. Raise GpuError if the engine lacks one."""
    wanted = _cdi_names(devices)
    if offer is None or not (offer.is_local or offer.cdi_devices):
        return wanted  # a remote engine's devices are not visible from here; the engine itself checks them
    if wanted == (_ALL,) and _ALL not in offer.cdi_devices:
        wanted = tuple(one for one in offer.cdi_devices if one.startswith(_KIND)) or wanted
    missing = [one for one in wanted if one not in offer.cdi_devices]
    if missing:
        raise GpuError(f"the engine has no CDI device {', '.join(missing)}", hint=_cdi_hint(offer))
    return wanted


def _cdi_hint(offer: Offer) -> str:
    if offer.version < _CDI_ENGINE:
        return "Update Docker Engine to 25 or newer, which CDI needs, or run `stackctl deploy --gpu nvidia`."
    if offer.cdi_devices:
        return f"Choose one of {', '.join(offer.cdi_devices)}, or run `{_GENERATE}` to describe all devices again."
    flag = ', set "features": {"cdi": true} in /etc/docker/daemon.json' if offer.version < _CDI_BY_ITSELF else ""
    return f"Run `{_GENERATE}`{flag}, then restart the engine."
