"""What this machine shows of NVIDIA's driver without asking it: its library, its kernel module, its device files.

Sources: https://docs.nvidia.com/cuda/wsl-user-guide (/usr/lib/wsl/lib); https://systemd.io/CONTAINER_INTERFACE.
"""

import ctypes
import grp
from pathlib import Path
from typing import Final

from stackctl.effects.gpu.attributes import text
from stackctl.gpus.nvidia_faults import DriverState

_LIBRARY: Final = "libnvidia-ml.so.1"
PLACES: Final = ("", "/usr/lib/wsl/lib/", "/run/opengl-driver/lib/")  # as the loader finds it; WSL; NixOS
_CONTAINERS: Final = (("run/.containerenv", "podman"), (".dockerenv", "docker"))


def library(places: tuple[str, ...] = PLACES) -> str:
    """Return the path or name of the driver's library, which can be loaded; "" without one.

    places: folders with their "/"; "": where the loader looks.
    """
    for place in places:
        try:
            ctypes.CDLL(f"{place}{_LIBRARY}")
        except OSError:
            continue
        return f"{place}{_LIBRARY}"
    return ""


def driver_state(root: Path = Path("/"), *, has_library: bool) -> DriverState:
    """Return what the files below `root` show."""
    control = root / "dev/nvidiactl"
    return DriverState(
        has_library=has_library,
        module=text(root / "sys/module/nvidia/version"),
        has_control=control.exists(),
        has_uvm=(root / "dev/nvidia-uvm").exists(),
        group=_group(control),
        container=_container(root),
        is_wsl="microsoft" in text(root / "proc/sys/kernel/osrelease").lower(),
    )


def _group(path: Path) -> str:
    """Return the name of the group that may read and write a file that others may not; "" if there is none."""
    try:
        found = path.stat()
        return grp.getgrgid(found.st_gid).gr_name if found.st_mode & 0o066 == 0o060 else ""
    except (OSError, KeyError):
        return ""


def _container(root: Path) -> str:
    if kind := text(root / "run/systemd/container"):
        return kind
    return next((kind for name, kind in _CONTAINERS if (root / name).exists()), "")
