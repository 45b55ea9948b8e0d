"""The memory of GPUs that processes hold, as the kernel's graphics drivers tell it of each open device file.

Source: https://docs.kernel.org/gpu/drm-usage-stats.html. Another user's files are closed to all but root.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from stackctl.contracts.host import GpuHolder
from stackctl.effects.gpu import attributes

# memory of the GPU itself is vram (amdgpu), vram0 (xe) or local0 (i915); of these keys the first that it has counts
_KEYS: Final = ("memory", "resident", "total")
_REGION: Final = re.compile(r"drm-(memory|resident|total)-((?:vram|local)\d*):\s+(\d{1,18}) ?(KiB|MiB|)\s*")
_UNITS: Final = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20}
_MOST: Final = 4096  # open files of a process


def every_process(proc: Path) -> tuple[int, ...]:
    return tuple(int(one.name) for one in attributes.folders(proc, "[1-9]*") if one.name.isdecimal())


def holders(proc: Path, pids: Iterable[int]) -> dict[str, tuple[GpuHolder, ...]]:
    """Return a GPU's PCI address -> which of these processes hold memory of it, as far as we may look into them."""
    found: dict[str, tuple[GpuHolder, ...]] = {}
    for pid in pids:
        for pci, used in _of_process(proc / str(pid)).items():
            holder = GpuHolder(pid=pid, name=attributes.name(proc / str(pid) / "comm"), mib=used >> 20)
            found[pci] = (*found.get(pci, ()), holder)
    return found


def _of_process(folder: Path) -> dict[str, int]:
    """Return PCI address -> bytes. A client whose file is open twice counts once."""
    clients: dict[tuple[str, str], int] = {}
    for file in attributes.folders(folder / "fd", "*")[:_MOST]:
        try:
            target = str(file.readlink())
        except OSError:
            continue
        if target.startswith("/dev/dri/"):
            told = attributes.text(folder / "fdinfo" / file.name)
            pci, client = (_value(told, key) for key in ("drm-pdev", "drm-client-id"))
            if pci:
                clients[pci, client] = _bytes(told)
    found: dict[str, int] = {}
    for (pci, _), used in clients.items():
        found[pci] = found.get(pci, 0) + used
    return {pci: used for pci, used in found.items() if used}


def _value(told: str, key: str) -> str:
    return next((line.partition(":")[2].strip() for line in told.splitlines() if line.startswith(f"{key}:")), "")


def _bytes(told: str) -> int:
    regions: dict[str, dict[str, int]] = {}
    for line in told.splitlines():
        if fits := _REGION.fullmatch(line):
            key, region, amount, unit = fits.groups()
            regions.setdefault(region, {})[key] = int(amount) * _UNITS[unit]
    return sum(next(keys[key] for key in _KEYS if key in keys) for keys in regions.values())
