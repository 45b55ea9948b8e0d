"""Where a GPU reaches containers in another way than by Docker Engine's packages on the machine itself.

Sources: NVIDIA's installation guide of the Container Toolkit ("Rootless mode"); Docker's documentation (rootless mode:
~/.config/docker; Docker Desktop: "GPU support is only available on Windows with the WSL2 backend"); docker-snap's
README.md (it has parts of the toolkit inside, and from 29.2 does not work beside the host's: its issue 357); NVIDIA's
CUDA on WSL user guide (the driver is the one of Windows); Proxmox VE's and libvirt's documentation (types of CPU).
"""

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from stackctl.contracts.host import Cpu
from stackctl.core.observed import EngineView

_CPU: Final = "Or run on the CPU with `stackctl deploy --gpu none`."
# a hint about the engine, its toolkit or its device files
_AT_ENGINE: Final = re.compile(
    r"nvidia-ctk|nvidia-cdi|systemctl|daemon\.json|Container Toolkit|restart the engine|snap|/dev/(dri|kfd)"
)
_DESKTOP: Final = (
    "Use Docker Engine (https://docs.docker.com/engine/install/) and run `docker context use default`: Docker Desktop "
    f"gives containers a GPU only on Windows. {_CPU}"
)
_DESKTOP_ON_WINDOWS: Final = (
    "Update NVIDIA's driver in Windows, run `wsl --update` and `wsl --shutdown` there, and start Docker Desktop, which "
    f"gives containers the GPU by WSL. {_CPU}"
)
_SNAP: Final = (
    "Remove the packages of the NVIDIA Container Toolkit from the host if they are there, since the snap has its own, "
    "and run `sudo snap restart docker`. If that does not help, install Docker's packages instead of the snap "
    f"(https://docs.docker.com/engine/install/). {_CPU}"
)
_LXC: Final = (
    "In this LXC container, check first that it has /dev/nvidia0, /dev/nvidiactl, /dev/nvidia-uvm and the libraries "
    "of exactly the machine's driver; an unprivileged one needs no-cgroups=true for the toolkit's hook, too."
)
UNNAMED: Final = "the hypervisor"  # what one is called whose name is not known
_ENGINES: Final = MappingProxyType({"desktop": "Docker Desktop", "snap": "Docker from a snap"})
# what a hint says -> what it must say there
_ROOTLESS: Final = MappingProxyType(
    {
        "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker": "nvidia-ctk runtime "
        "configure --runtime=docker --config=$HOME/.config/docker/daemon.json && sudo nvidia-ctk config --in-place "
        "--set nvidia-container-cli.no-cgroups=true && systemctl --user restart docker",
        "sudo systemctl restart docker": "systemctl --user restart docker",
        "/etc/docker/daemon.json": "~/.config/docker/daemon.json",
    }
)
_WSL: Final = MappingProxyType(
    {
        "Reboot the machine": "Run `wsl --shutdown` in Windows",
        "reboot after a driver update": "run `wsl --shutdown` in Windows after an update of its driver",
    }
)
# hypervisor -> how a virtual machine is given the features of the processor below
_HOST_CPU: Final = MappingProxyType(
    {
        "QEMU/KVM": "the CPU type `host` (Proxmox: Hardware, Processors; libvirt: `<cpu mode='host-passthrough'/>`)",
        "VMware": "a recent hardware version, and no EVC mode of an older processor",
        "Hyper-V": "no processor compatibility (`Set-VMProcessor -CompatibilityForMigrationEnabled $false`)",
        "VirtualBox": "the CPU profile `host`, on Windows with Hyper-V switched off",
    }
)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Where the engine runs. view: why it may see another disk than stackctl; is_wsl: in Windows' Linux."""

    view: EngineView = ""
    is_rootless: bool = False
    is_wsl: bool = False
    container: str = ""  # the kind of the container that this system is, as lxc; "" on a machine


def name_all(around: Surroundings, cpu: Cpu, hypervisor: str) -> tuple[str, ...]:
    """Return a clause about each thing in which this place differs from Docker Engine on a machine itself."""
    engine = _ENGINES.get(around.view, "")
    of = "" if hypervisor == UNNAMED else f" of {hypervisor}"
    named = (
        (around.is_wsl, "this is the Linux of Windows (WSL): the driver is the one of Windows"),
        (around.container not in {"", "wsl"}, f"stackctl runs in a container ({around.container})"),
        (hypervisor and not around.is_wsl, f"this is a virtual machine{of}"),
        (engine, f"the engine is {engine}"),
        (around.is_rootless, "the engine is rootless"),
    )
    return (*(says for is_so, says in named if is_so), *filter(None, [slow_cpu(cpu, hypervisor)]))


def fit_hint(hint: str, around: Surroundings) -> str:
    """Return a hint about a GPU as it holds in these surroundings."""
    if not hint:
        return ""
    if _AT_ENGINE.search(hint):
        if around.view == "desktop":
            return _DESKTOP_ON_WINDOWS if around.is_wsl else _DESKTOP
        if around.view == "snap":
            return _SNAP
        hint = f"{hint} {_LXC}" if around.container == "lxc" else hint
    for said, there in {**(_ROOTLESS if around.is_rootless else {}), **(_WSL if around.is_wsl else {})}.items():
        hint = hint.replace(said, there)
    return hint


def slow_cpu(cpu: Cpu, hypervisor: str) -> str:
    """Return a note about a processor without AVX2; "" for others. hypervisor: that of a virtual machine."""
    if cpu.architecture != "x86_64" or cpu.avx2:
        return ""
    slow = "has no AVX2, without which it computes models much more slowly"
    if not hypervisor:
        return f"this processor {slow}"
    how = _HOST_CPU.get(hypervisor, "the CPU type `host`")
    return f"the processor of this virtual machine {slow}; {hypervisor} may hide it: give the virtual machine {how}"
