"""NVIDIA GPUs: passed on by the driver of the NVIDIA Container Toolkit or as CDI devices, never by both.

Sources: Docker's release notes (CDI); nvidia-ctk's own help; moby's daemon/devices_nvidia_linux.go (from Engine 29.2 on
the driver "nvidia" tries CDI devices first if `nvidia-cdi-hook` is on the daemon's PATH, then the toolkit's hook, whose
container has NVIDIA_VISIBLE_DEVICES as it was requested); nvidia-container-toolkit's internal/modifier (a CDI file sets
it to "void").
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.gpu_trial import Inside, Lack
from stackctl.contracts.host import Gpu
from stackctl.contracts.memory import Device
from stackctl.contracts.service import GpuRequest, Variant
from stackctl.errors import GpuError
from stackctl.gpus.contract import TIMED_OUT, Offer, Toolkit, says_nothing

NAME: Final[str] = "nvidia"
IS_AUTO: Final[bool] = True
RUNTIME: Final[str] = "nvidia"
_KIND: Final = "nvidia.com/gpu="
# the engine looks for these hooks when it starts (devices_nvidia_linux.go). The oldest version: NVIDIA's security
# bulletin of July 2025, https://nvidia.custhelp.com/app/answers/detail/a_id/5659
TOOLKIT: Final[Toolkit | None] = Toolkit(
    tool="nvidia-ctk",
    hooks=("nvidia-container-runtime-hook", "nvidia-cdi-hook"),
    runtime="nvidia-container-runtime",
    kind=_KIND,
    module="nvidia",
    oldest=(1, 17, 8),
    why="by one older than 1.17.8 an image can run programs as root on this machine (CVE-2025-23266)",
)
VARIANT: Final[Variant] = "cuda"
DEVICE: Final[Device] = "cuda"
_CONTROL: Final = ("/dev/nvidiactl", "/dev/dxg")  # without one of them its library finds no GPU; the latter on WSL
LOOKS_FOR: Final[tuple[str, ...]] = (*_CONTROL, "/dev/nvidia[0-9]*")
_VISIBLE: Final = "NVIDIA_VISIBLE_DEVICES"
VARIABLES: Final[tuple[str, ...]] = (_VISIBLE,)
LISTING: Final[tuple[str, ...]] = ("nvidia-smi", "-L")  # the toolkit brings it with the capability "utility"
_TOOLKIT, _CDI = "nvidia", "cdi"  # names of modes and of the engine's drivers alike
MODES: Final[Mapping[str, str]] = MappingProxyType({_TOOLKIT: "NVIDIA Container Toolkit", _CDI: "CDI device files"})
# under WSL there is none, and a Jetson has others. Opening it wakes no GPU: it is the driver's own, nvidia_open() in
# kernel-open/nvidia/nv.c of NVIDIA/open-gpu-kernel-modules returns for it before any GPU is touched
NODES: Final[tuple[str, ...]] = ("/dev/nvidiactl",)
# https://github.com/NVIDIA/nvidia-container-toolkit/issues/48: systemd writes the device rules of a container's cgroup
# again at each daemon-reload, without those that the toolkit's hook added
_LOST: Final = (
    "Run `stackctl restart`, which gives the GPU back until the next `systemctl daemon-reload`. To keep it, set "
    '`gpu.mode = "cdi"`, or write "exec-opts": ["native.cgroupdriver=cgroupfs"] into /etc/docker/daemon.json and '
    "restart Docker."
)
_ALL: Final = f"{_KIND}all"
_FILES: Final = ("/dev/nvidia", "/dev/dxg")  # device files that its CDI devices add; the latter on WSL
_CPU: Final = "Or run on the CPU with `stackctl deploy --gpu none`."
# what nvidia-smi prints -> what it means, what repairs it, and the page that explains it
_LISTING_FAULTS: Final = (
    (
        "version mismatch",
        "it has the libraries of another version of the driver than the one that runs",
        "Reboot after a driver update, and describe the CDI devices again with `{generate}`.",
        "gpu-driver-mismatch",
    ),
    (
        "insufficient permissions",
        "its user may not open the GPU's device files",
        "Run `ls -l /dev/nvidia*` and allow all users to read and write them (NVreg_DeviceFileMode=0666).",
        "gpu-permission",
    ),
    (
        "unknown error",
        "the engine's rules for devices keep it from the GPU",
        "Update the NVIDIA Container Toolkit, then run `sudo systemctl restart docker`.",
        "gpu-toolkit-setting",
    ),
    (
        "libnvidia-ml",
        "it lacks the driver's library libnvidia-ml.so",
        "Run `sudo nvidia-ctk config --in-place --set nvidia-container-cli.ldconfig=@/sbin/ldconfig`.",
        "gpu-toolkit-setting",
    ),
)
_CDI_ENGINE, _CDI_BY_ITSELF = (25,), (28, 3)  # first behind a feature flag, then always on
_GENERATE: Final = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"


def passed_on(seen: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    return tuple(gpu for gpu in seen if gpu.make == NAME)


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


def request(mode: str, devices: tuple[str, ...], gpus: tuple[Gpu, ...], offer: Offer | None) -> GpuRequest:
    asked = _request(mode, devices, gpus, offer)
    # CUDA counts the fastest GPU first by default, NVML by PCI address (CUDA's and NVML's documentation)
    return replace(asked, environment={"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}) if len(gpus) > 1 else asked


def _request(mode: str, devices: tuple[str, ...], gpus: tuple[Gpu, ...], offer: Offer | None) -> GpuRequest:
    if offer and offer.product:
        if mode != _CDI:
            raise GpuError(
                f"{offer.product} can't pass a GPU on by the toolkit's driver: it would silently leave it out",
                hint="Run `stackctl deploy --gpu cdi`.",
                issue="gpu-not-offered",
            )
        return GpuRequest(make=NAME, files=_cdi_names(devices, gpus, offer))
    if mode == _CDI:
        return GpuRequest(make=NAME, driver=_CDI, devices=_cdi_devices(devices, gpus, offer))
    return GpuRequest(make=NAME, driver=_TOOLKIT, devices=() if devices == ("all",) else devices)


def count(request: GpuRequest, gpus: tuple[Gpu, ...]) -> int:
    asked = request.devices or request.files
    return max(1, len(gpus)) if not asked or _ALL in asked else len(asked)


remarks: Final = says_nothing


def is_given(request: GpuRequest, drivers: tuple[str, ...], devices: tuple[str, ...]) -> bool:
    return request.driver in drivers if request.driver else any(one.startswith(_FILES) for one in devices)


def describe_way(request: GpuRequest, inside: Inside | None) -> str:
    if request.driver != _TOOLKIT:
        return "as CDI devices"
    if inside is None or _VISIBLE not in inside.variables:
        return "by the driver nvidia"
    by = "CDI devices" if inside.variables[_VISIBLE] == "void" else "the hook of NVIDIA's toolkit"
    return f"by the driver nvidia, which uses {by}"


def find_lack(request: GpuRequest, inside: Inside, expected: int | None) -> Lack | None:
    if not inside.nodes:
        return Lack(says="it has no device file of an NVIDIA GPU, although the engine granted one", hint=_hint(request))
    numbered = sum(bool(re.fullmatch(r"/dev/nvidia[0-9]+", one)) for one in inside.nodes)
    if numbered and not any(one in inside.nodes for one in _CONTROL):
        return Lack(says=f"it has a GPU's device file but not {_CONTROL[0]}", hint=_hint(request))
    if inside.listing is not None and inside.listing_code:
        return _listing_fault(inside)
    listed = [line for line in inside.listing or () if re.match(r"\s*(GPU|MIG)\b", line)]
    if any(line.lstrip().startswith("MIG") for line in listed):  # parts of GPUs, of which one GPU may have several
        return None
    seen = len(listed) or numbered
    if inside.listing is not None and not listed:
        return Lack(says=f"{LISTING[0]} runs inside and lists no GPU", hint=_hint(request))
    if expected is not None and seen and seen != expected:
        return Lack(says=f"it sees {seen} GPU{'s' * (seen != 1)}, requested: {expected}", hint=_hint(request))
    return None


def _hint(request: GpuRequest) -> str:
    if request.driver == _TOOLKIT:
        return (
            "Run `sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker`; "
            f"`nvidia-container-cli info` shows what the toolkit sees. {_CPU}"
        )
    return f"Run `{_GENERATE}`, which describes the devices again. {_CPU}"


def _listing_fault(inside: Inside) -> Lack:
    """Return the fault that nvidia-smi's words inside the container stand for."""
    if inside.listing_code == TIMED_OUT:
        return Lack(
            says=f"{LISTING[0]} does not end inside",
            hint=f"Run `nvidia-smi` on the host; if it hangs too, reboot. {_CPU}",
            issue="gpu-driver-hangs",
        )
    said = " ".join(inside.listing or ()).lower()
    for words, says, hint, issue in _LISTING_FAULTS:
        if words in said:
            return Lack(says=says, hint=f"{hint.format(generate=_GENERATE)} {_CPU}", issue=issue)
    return Lack(says=f"{LISTING[0]} fails inside (exit {inside.listing_code})", hint=_hint(GpuRequest(make=NAME)))


def _cdi_names(devices: tuple[str, ...], gpus: tuple[Gpu, ...], offer: Offer) -> tuple[str, ...]:
    """Return the devices' full names. A file of CDI's names GPUs by index, by UUID, by both, or only all together."""
    return tuple(_cdi_name(one, gpus, offer.cdi_devices) for one in devices)


def _cdi_name(device: str, gpus: tuple[Gpu, ...], known: tuple[str, ...]) -> str:
    if "=" in device:
        return device
    same = next(((str(gpu.index), gpu.uuid) for gpu in gpus if device in {str(gpu.index), gpu.uuid}), ())
    names = [f"{_KIND}{one}" for one in (device, *same)]
    return next((one for one in names if one in known), names[0])


def _cdi_devices(devices: tuple[str, ...], gpus: tuple[Gpu, ...], offer: Offer | None) -> tuple[str, ...]:
    """Return the devices' full names. Raise GpuError if the engine lacks one."""
    wanted = _cdi_names(devices, gpus, offer or Offer(version=()))
    if offer is None or not (offer.is_local or offer.cdi_devices):
        return wanted  # a remote engine's devices are not visible from here; the engine itself checks them
    if wanted == (_ALL,) and _ALL not in offer.cdi_devices:
        each = dict.fromkeys(_cdi_name(str(gpu.index), gpus, offer.cdi_devices) for gpu in gpus)
        listed = tuple(one for one in offer.cdi_devices if one.startswith(_KIND))
        wanted = tuple(each) or listed or wanted
    missing = [one for one in wanted if one not in offer.cdi_devices]
    if missing:
        raise GpuError(f"the engine has no CDI device {', '.join(missing)}", hint=_cdi_hint(offer), issue="cdi-missing")
    return wanted


def _cdi_hint(offer: Offer) -> str:
    if offer.version < _CDI_ENGINE:
        return "Update Docker Engine to 25 or newer, which CDI needs, or run `stackctl deploy --gpu nvidia`."
    generate = offer.describe_cdi or _GENERATE
    if offer.cdi_devices:
        return f"Choose one of {', '.join(offer.cdi_devices)}, or run `{generate}` to describe all devices again."
    flag = ', set "features": {"cdi": true} in /etc/docker/daemon.json' if offer.version < _CDI_BY_ITSELF else ""
    return f"Run `{generate}`{flag}, then restart the engine."


def lost(node: str) -> Cause:
    return Cause(
        says=f"it has lost the GPU: its container can't open {node}",
        hint=_LOST,
        kind="gpu",
        issue="gpu-lost",
        source="https://github.com/NVIDIA/nvidia-container-toolkit/issues/48",
    )
