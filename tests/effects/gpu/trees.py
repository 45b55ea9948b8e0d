"""Trees of files such as the kernel shows of a machine's GPUs, below a folder that stands for /."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

GIB = 1 << 30
AMD_IDS = """# List of AMDGPU IDs
1.0.0
744C,	C8,	AMD Radeon RX 7900 XTX
73FF,	C7,	AMD Radeon RX 6600
15BF,	C4,	AMD Radeon 780M Graphics
"""
PCI_IDS = """1002  Advanced Micro Devices, Inc. [AMD/ATI]
	744c  Navi 31 [Radeon RX 7900 XT/7900 XTX]
10de  NVIDIA Corporation
	2684  AD102 [GeForce RTX 4090]
8086  Intel Corporation
	4680  AlderLake-S GT1 [UHD Graphics 770]
	56a0  DG2 [Arc A770]
"""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A display controller. files: attributes of its own, below its folder."""

    pci: str
    vendor: str
    device: str
    driver: str
    revision: str = "0xc8"
    render: int | None = None  # the number of its render node
    card: int = 0
    power: str = "active"
    files: Mapping[str, str] = field(default_factory=dict)


RX_7900_XTX = Device(
    pci="0000:03:00.0",
    vendor="0x1002",
    device="0x744c",
    driver="amdgpu",
    render=128,
    files={
        "mem_info_vram_total": f"{24 * GIB - (16 << 20)}",
        "mem_info_vram_used": f"{2 * GIB}",
        "unique_id": "e0a1b2c3d4e5f607",
        "gpu_busy_percent": "37",
        "hwmon/hwmon4/name": "amdgpu",
        "hwmon/hwmon4/in0_label": "vddgfx",
        "hwmon/hwmon4/temp1_input": "54000",
        "hwmon/hwmon4/power1_average": "98000000",
        "hwmon/hwmon4/power1_cap": "339000000",
        "drm/card0/card0-DP-1/status": "connected",
    },
)
RX_6600 = Device(
    pci="0000:0a:00.0",
    vendor="0x1002",
    device="0x73ff",
    driver="amdgpu",
    revision="0xc7",
    render=129,
    card=1,
    files={"mem_info_vram_total": f"{8 * GIB}", "mem_info_vram_used": "0", "hwmon/hwmon5/power1_input": "4000000"},
)
RADEON_780M = Device(
    pci="0000:c5:00.0",
    vendor="0x1002",
    device="0x15bf",
    driver="amdgpu",
    revision="0xc4",
    render=128,
    files={
        "mem_info_vram_total": f"{512 << 20}",
        "mem_info_vram_used": f"{300 << 20}",
        "hwmon/hwmon4/in0_label": "vddgfx",
        "hwmon/hwmon4/in1_label": "vddnb",
    },
)
ARC_A770 = Device(
    pci="0000:03:00.0",
    vendor="0x8086",
    device="0x56a0",
    driver="xe",
    render=128,
    files={"tile0/physical_vram_size_bytes": f"{16 * GIB}", "drm/card0/card0-HDMI-A-1/status": "disconnected"},
)
ARC_ON_I915 = Device(pci="0000:03:00.0", vendor="0x8086", device="0x56a0", driver="i915", render=128)
UHD_770 = Device(pci="0000:00:02.0", vendor="0x8086", device="0x4680", driver="i915", render=129, card=1)


def tree(root: Path, *devices: Device, kfd: tuple[Mapping[str, int], ...] = ()) -> Path:
    """Write a machine with these devices, and nodes of kfd with these properties; return its root."""
    for one in devices:
        _device(root, one)
    for number, properties in enumerate(kfd):
        folder = f"sys/class/kfd/kfd/topology/nodes/{number}"
        write(root, f"{folder}/gpu_id", str(40000 + number if properties.get("gfx_target_version") else 0))
        write(root, f"{folder}/properties", "".join(f"{name} {value}\n" for name, value in properties.items()))
        write(root, "dev/kfd", "")
    write(root, "usr/share/libdrm/amdgpu.ids", AMD_IDS)
    write(root, "usr/share/misc/pci.ids", PCI_IDS)
    return root


PROCESSOR: Mapping[str, int] = {"cpu_cores_count": 16, "simd_count": 0, "gfx_target_version": 0}


def computing(pci: str, version: int, unique: int = 0) -> Mapping[str, int]:
    """The properties of a GPU's node in kfd."""
    bus, place = pci.split(":")[1:]
    device, function = place.split(".")
    location = int(bus, 16) << 8 | int(device, 16) << 3 | int(function)
    return {"gfx_target_version": version, "unique_id": unique, "location_id": location, "domain": 0}


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n", encoding="utf-8")
    return path


def _device(root: Path, one: Device) -> None:
    folder = root / "sys/devices" / one.pci
    plain = {"vendor": one.vendor, "device": one.device, "class": "0x030000", "revision": one.revision}
    for name, text in {
        **plain,
        "power/runtime_status": one.power,
        f"drm/card{one.card}/dev": "226:0",
        **one.files,
    }.items():
        write(folder, name, text)
    if one.render is not None:
        write(folder, f"drm/renderD{one.render}/dev", f"226:{one.render}")
        write(root, f"dev/dri/renderD{one.render}", "").chmod(0o660)
    (root / "sys/bus/pci/drivers" / one.driver).mkdir(parents=True, exist_ok=True)
    (folder / "driver").symlink_to(root / "sys/bus/pci/drivers" / one.driver)
    (root / "sys/bus/pci/devices").mkdir(parents=True, exist_ok=True)
    (root / "sys/bus/pci/devices" / one.pci).symlink_to(folder)
