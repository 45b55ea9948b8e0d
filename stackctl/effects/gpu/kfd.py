"""What AMD's compute driver (kfd), on which ROCm stands, tells of its GPUs.

Source: drivers/gpu/drm/amd/amdkfd/kfd_topology.c of Linux (the folders below topology/nodes) and kfd_process.c (proc).
ROCm numbers the GPUs in the order of these nodes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stackctl.effects.gpu.attributes import as_number, folders, number, text

_KFD: Final = "sys/class/kfd/kfd"
_MOST_NODES: Final = 256


@dataclass(frozen=True)
class Node:
    """A GPU that computes for ROCm."""

    order: int  # among those of ROCm
    gpu_id: int
    architecture: str  # as gfx1100
    uuid: str  # as ROCR_VISIBLE_DEVICES takes it, GPU- and 16 hexadecimal digits; "" if it has none


def nodes(root: Path) -> dict[str, Node]:
    """Return the GPUs by their PCI addresses. root: above sys."""
    found: dict[str, Node] = {}
    for number_ in range(_MOST_NODES):
        folder = root / _KFD / "topology/nodes" / str(number_)
        if not folder.is_dir():
            break
        properties = _properties(text(folder / "properties"))
        architecture = gfx(properties.get("gfx_target_version", 0))
        if not architecture:
            continue  # a processor
        unique = properties.get("unique_id", 0)
        found[_pci(properties)] = Node(
            order=len(found),
            gpu_id=number(folder / "gpu_id") or 0,
            architecture=architecture,
            uuid=f"GPU-{unique:016x}" if unique else "",
        )
    return found


def held(root: Path, node: Node) -> dict[int, int]:
    """Return the id of each process that computes on a GPU -> the MiB that it holds there."""
    found = {}
    for file in folders(root / _KFD / "proc", f"*/vram_{node.gpu_id}"):
        pid, used = as_number(file.parent.name), number(file)
        if pid and used:
            found[pid] = used >> 20
    return found


def gfx(version: int) -> str:
    """Return the architecture by kfd's number for it: 110003 is gfx1103, 90010 is gfx90a; "" for 0."""
    major, minor, stepping = version // 10000, version // 100 % 100, version % 100
    return f"gfx{major}{minor:x}{stepping:x}" if 0 < major < 100 else ""


def _properties(lines: str) -> dict[str, int]:
    pairs = (line.partition(" ") for line in lines.splitlines())
    return {name: value for name, _, word in pairs if (value := as_number(word.strip())) is not None}


def _pci(properties: dict[str, int]) -> str:
    place = properties.get("location_id", 0)
    bus, device, function = place >> 8 & 0xFF, place >> 3 & 0x1F, place & 7
    return f"{properties.get('domain', 0) & 0xFFFFFFFF:04x}:{bus:02x}:{device:02x}.{function}"
