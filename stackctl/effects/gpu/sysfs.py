"""AMD's and Intel's GPUs, as the kernel's drivers amdgpu, i915 and xe show them in sysfs.

Sources: https://docs.kernel.org/gpu/amdgpu/driver-misc.html (mem_info_*, unique_id, product_name) and thermal.html
(gpu_busy_percent, hwmon); drivers/gpu/drm/amd/pm/amdgpu_pm.c (the voltage vddnb exists on APUs alone);
drivers/gpu/drm/xe (tile*/physical_vram_size_bytes); Intel's own builds of i915 (lmem_total_bytes, which Linux lacks);
libdrm's data/amdgpu.ids. An integrated GPU of Intel is a device of bus 0, its separate ones are not.
"""

import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from stackctl.contracts.host import Card, Gpu, GpuHolder, GpuReading
from stackctl.effects.gpu import drm_clients, kfd, pci_cards
from stackctl.effects.gpu.attributes import as_name, folders, name, number, text

_DRIVERS: Final = {"amdgpu": "amd", "i915": "intel", "xe": "intel"}  # kernel driver -> the make of its GPUs
_TITLES: Final = {"amd": "AMD", "intel": "Intel"}
_PCI_IDS: Final = ("usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids")
_AMD_IDS: Final = "usr/share/libdrm/amdgpu.ids"
_MOST_IDS: Final = 1 << 20  # bytes; the file has 20 KB
_MOST_MIB: Final = 1 << 24  # 16 TiB: more is no memory of a GPU


@dataclass(frozen=True)
class Sysfs:
    """The GPUs of AMD and Intel.

    `family`: returns the ids of a container's processes, from the id of its first. `root`: above sys, dev, proc, usr.
    """

    family: Callable[[int], Iterable[int]]
    root: Path = Path("/")

    def list(self) -> tuple[Gpu, ...]:
        """Return them, AMD's before Intel's, each counted as its driver counts them."""
        computing = kfd.nodes(self.root)
        found = [_gpu(card, computing.get(card.pci), self.root) for card in _cards(self.root)]
        places = {pci: node.order for pci, node in computing.items()}
        found.sort(key=lambda gpu: (gpu.make, places.get(gpu.pci, len(places)), gpu.pci))
        makes = [gpu.make for gpu in found]
        return tuple(replace(gpu, index=makes[:place].count(gpu.make)) for place, gpu in enumerate(found))

    def read(self, *, wakes: bool = True) -> tuple[GpuReading, ...]:
        """Return what each does now. One that sleeps is not asked for what would wake it, unless that is wanted."""
        gpus = self.list()
        proc = self.root / "proc"
        holders = drm_clients.holders(proc, drm_clients.every_process(proc)) if gpus else {}
        return tuple(_reading(gpu, self.root, holders, wakes=wakes) for gpu in gpus)

    def held(self, container: int) -> dict[str, int]:
        """Return UUID -> MiB that a container's processes hold; without what other users' processes hide from us."""
        gpus = self.list()
        if not gpus:
            return {}
        pids = set(self.family(container))
        graphics = drm_clients.holders(self.root / "proc", pids)
        computing = kfd.nodes(self.root)
        found = {}
        for gpu in gpus:
            drawn = sum(one.mib for one in graphics.get(gpu.pci, ()))
            by_pid = kfd.held(self.root, computing[gpu.pci]) if gpu.pci in computing else {}
            found[gpu.uuid] = max(drawn, sum(mib for pid, mib in by_pid.items() if pid in pids))
        return {uuid: mib for uuid, mib in found.items() if mib}


def _cards(root: Path) -> tuple[Card, ...]:
    cards = pci_cards.cards(root / "sys", tuple(root / name for name in _PCI_IDS))
    return tuple(one for one in cards if _DRIVERS.get(one.driver) == one.vendor)


def _gpu(card: Card, computing: kfd.Node | None, root: Path) -> Gpu:
    device = _device(card.pci, root)
    make = _DRIVERS[card.driver]
    total, free = _memory_mib(device, card)
    node = next((f"dev/dri/{one.name}" for one in folders(device / "drm", "renderD*")), "")
    files = [root / one for one in (node, "dev/kfd" if computing else "") if one]
    unique = text(device / "unique_id")
    return Gpu(
        index=0,
        uuid=(computing.uuid if computing else "") or (f"GPU-{as_name(unique)}" if unique else card.pci),
        name=_name(card, device, root) or f"{_TITLES[make]} GPU",
        total_mib=total,
        free_mib=free,
        make=make,
        pci=card.pci,
        architecture=computing.architecture if computing else "",
        node=f"/{node}" if node else "",
        groups=tuple(sorted({group for one in files if (group := _group(one)) is not None})),
        has_display=any(text(one) == "connected" for one in folders(device / "drm", "card*/card*-*/status")),
        is_unified=_is_unified(device, card),
        fault="" if node else f"the kernel's driver {card.driver} has no render node for it",
        issue="" if node else "gpu-driver-missing",
        fix="" if node else "Update the kernel and its firmware (linux-firmware), then reboot.",
    )


def _device(pci: str, root: Path) -> Path:
    return root / "sys/bus/pci/devices" / pci


def _is_unified(device: Path, card: Card) -> bool:
    """Return whether a GPU shares the machine's memory: it is a part of the processor."""
    if _DRIVERS[card.driver] == "intel":
        return card.pci.split(":")[1:2] == ["00"]
    return any(text(one) == "vddnb" for one in folders(device, "hwmon/hwmon*/in*_label"))


def _memory_mib(device: Path, card: Card) -> tuple[int, int]:
    """Return the total and the free memory; (0, 0) for a GPU that shares the machine's, or does not tell it.

    Of its memory xe tells the total alone, so that all of it counts as free.
    """
    if _is_unified(device, card):
        return 0, 0
    tiles = folders(device, "tile*/physical_vram_size_bytes") or folders(device, "drm/card*/lmem_total_bytes")
    total = number(device / "mem_info_vram_total") or sum(number(one) or 0 for one in tiles)
    used = number(device / "mem_info_vram_used") or 0
    if total >> 20 > _MOST_MIB:
        return 0, 0
    return total >> 20, max(0, total - used) >> 20


def _group(file: Path) -> int | None:
    """Return the number of the group that may open a device file; None if every user may, or there is no such file."""
    try:
        found = file.stat()
    except OSError:
        return None
    is_open = found.st_mode & stat.S_IROTH and found.st_mode & stat.S_IWOTH
    return None if is_open else found.st_gid


def _name(card: Card, device: Path, root: Path) -> str:
    """Return the name by which it is sold, as the card itself, libdrm or the list of PCI devices has it."""
    make = _TITLES[_DRIVERS[card.driver]]
    sold = name(device / "product_name") or _name_of_amd(device, root) or as_name(card.name)
    return sold if not sold or make in sold else f"{make} {sold}"


def _name_of_amd(device: Path, root: Path) -> str:
    """Return the name by device and revision: lines as `744C, C8, AMD Radeon RX 7900 XTX`; "" for another make."""
    wanted = [text(device / one).removeprefix("0x").upper() for one in ("device", "revision")]
    if text(device / "vendor") != "0x1002":
        return ""
    try:
        with (root / _AMD_IDS).open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_MOST_IDS).splitlines()
    except OSError:
        return ""
    rows = ([word.strip() for word in line.split(",", 2)] for line in lines)
    return next((as_name(row[2]) for row in rows if len(row) == 3 and row[:2] == wanted), "")


def _reading(gpu: Gpu, root: Path, holders: Mapping[str, tuple[GpuHolder, ...]], *, wakes: bool) -> GpuReading:
    device = _device(gpu.pci, root)
    reading = GpuReading(
        uuid=gpu.uuid,
        name=gpu.name,
        total_mib=gpu.total_mib,
        free_mib=gpu.free_mib,
        holders=holders.get(gpu.pci, ()),
        pci=gpu.pci,
    )
    if text(device / "power/runtime_status") == "suspended" and not wakes:
        return replace(reading, is_suspended=True)
    sensors = next(iter(folders(device / "hwmon", "hwmon*")), device / "hwmon")
    busy, heat = number(device / "gpu_busy_percent"), number(sensors / "temp1_input")
    return replace(
        reading,
        utilisation=busy if busy is not None and busy <= 100 else None,
        temperature_c=None if heat is None else round(heat / 1000),
        power_w=_watts(sensors, "power1_average", "power1_input"),
        power_limit_w=_watts(sensors, "power1_cap", "power1_max"),
    )


def _watts(sensors: Path, *files: str) -> float | None:
    """Return the first of these that the driver tells, in watts; it counts in millionths."""
    return next((round(found / 1e6, 1) for one in files if (found := number(sensors / one)) is not None), None)
