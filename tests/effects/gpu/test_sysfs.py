"""AMD's and Intel's GPUs, in trees of files such as the kernel shows."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.contracts.host import Gpu, GpuHolder, GpuReading
from stackctl.effects.gpu.kfd import gfx
from stackctl.effects.gpu.sysfs import Sysfs
from tests.effects.gpu.trees import (
    ARC_A770,
    ARC_ON_I915,
    GIB,
    PROCESSOR,
    RADEON_780M,
    RX_6600,
    RX_7900_XTX,
    UHD_770,
    Device,
    computing,
    tree,
    write,
)

UNIQUE = 0xE0A1B2C3D4E5F607
KFD = (PROCESSOR, computing(RX_7900_XTX.pci, 110000, UNIQUE))


def listed(root: Path) -> tuple[Gpu, ...]:
    return Sysfs(lambda container: (container,), root).list()


def changed(device: Device, **files: str) -> Device:
    """The same device with other attributes."""
    return replace(device, files={**device.files, **files})


def test_an_rx_7900_xtx_is_named_with_its_architecture_memory_and_device_file(tmp_path: Path) -> None:
    assert listed(tree(tmp_path, RX_7900_XTX, kfd=KFD)) == (
        Gpu(
            index=0,
            uuid="GPU-e0a1b2c3d4e5f607",
            name="AMD Radeon RX 7900 XTX",
            total_mib=24 * 1024 - 16,
            free_mib=22 * 1024 - 16,
            make="amd",
            pci="0000:03:00.0",
            architecture="gfx1100",
            node="/dev/dri/renderD128",
            groups=(os.getgid(),),
            has_display=True,
        ),
    )


def test_a_gpu_of_a_processor_shares_the_machines_memory(tmp_path: Path) -> None:
    kfd = (PROCESSOR, computing(RADEON_780M.pci, 110003))
    (amd,) = listed(tree(tmp_path, RADEON_780M, kfd=kfd))
    assert (amd.name, amd.architecture, amd.is_unified) == ("AMD Radeon 780M Graphics", "gfx1103", True)
    assert (amd.total_mib, amd.free_mib) == (0, 0)
    assert amd.uuid == "0000:c5:00.0"  # it has no number of its own


@pytest.mark.parametrize(
    ("device", "name", "mib", "is_unified"),
    [
        (ARC_A770, "Intel DG2 [Arc A770]", 16384, False),
        (changed(ARC_ON_I915, **{"drm/card0/lmem_total_bytes": str(16 * GIB)}), "Intel DG2 [Arc A770]", 16384, False),
        (ARC_ON_I915, "Intel DG2 [Arc A770]", 0, False),  # Linux's own i915 does not tell it
        (UHD_770, "Intel AlderLake-S GT1 [UHD Graphics 770]", 0, True),
    ],
)
def test_intels_gpus_have_the_memory_that_their_driver_tells(
    tmp_path: Path, device: Device, name: str, mib: int, is_unified: bool
) -> None:
    (gpu,) = listed(tree(tmp_path, device))
    assert (gpu.make, gpu.name, gpu.total_mib, gpu.free_mib) == ("intel", name, mib, mib)
    assert (gpu.is_unified, gpu.uuid, gpu.has_display, gpu.fault) == (is_unified, gpu.pci, False, "")


def test_each_make_counts_its_own_and_amds_are_counted_as_rocm_does(tmp_path: Path) -> None:
    kfd = (PROCESSOR, computing(RX_6600.pci, 100302), computing(RX_7900_XTX.pci, 110000, UNIQUE))
    found = listed(tree(tmp_path, UHD_770, RX_7900_XTX, RX_6600, kfd=kfd))
    assert [(gpu.make, gpu.index, gpu.architecture) for gpu in found] == [
        ("amd", 0, "gfx1032"),
        ("amd", 1, "gfx1100"),
        ("intel", 0, ""),
    ]


def test_a_laptop_has_its_processors_gpu_and_a_card(tmp_path: Path) -> None:
    card = replace(RX_6600, pci="0000:03:00.0", power="suspended")
    found = listed(tree(tmp_path, RADEON_780M, card))
    assert [(gpu.name, gpu.is_unified, gpu.total_mib) for gpu in found] == [
        ("AMD Radeon RX 6600", False, 8192),
        ("AMD Radeon 780M Graphics", True, 0),
    ]


def test_cards_of_other_makes_or_without_such_a_driver_are_left_to_others(tmp_path: Path) -> None:
    nvidia = Device(pci="0000:01:00.0", vendor="0x10de", device="0x2684", driver="nvidia", render=130)
    assert listed(tree(tmp_path, nvidia, replace(RX_6600, driver="vfio-pci"))) == ()


def test_a_machine_without_sysfs_has_none(tmp_path: Path) -> None:
    assert listed(tmp_path) == ()
    assert Sysfs(lambda _: (), tmp_path).read() == ()


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"mem_info_vram_total": ""},
        {"mem_info_vram_total": "-1"},
        {"mem_info_vram_total": "lots"},
        {"mem_info_vram_total": "9" * 19},
        {"mem_info_vram_total": "9" * 5000},
        {"mem_info_vram_total": "\u0663"},  # a digit, but none of ASCII
        {"mem_info_vram_used": "9" * 19, "mem_info_vram_total": "0"},
    ],
)
def test_a_tree_that_lacks_or_distorts_the_memory_gives_a_gpu_without_any(
    tmp_path: Path, files: Mapping[str, str]
) -> None:
    (gpu,) = listed(tree(tmp_path, replace(RX_6600, files=files)))
    assert (gpu.total_mib, gpu.free_mib) == (0, 0)


def test_more_memory_in_use_than_there_is_leaves_none_free(tmp_path: Path) -> None:
    (gpu,) = listed(tree(tmp_path, changed(RX_6600, mem_info_vram_used="9" * 19)))
    assert (gpu.total_mib, gpu.free_mib) == (8192, 0)


def test_a_name_that_the_card_itself_tells_is_shown_in_printable_characters(tmp_path: Path) -> None:
    (gpu,) = listed(tree(tmp_path, changed(RX_6600, product_name="AMD \x1b[31mPro\u202e" + "x" * 500)))
    assert gpu.name.startswith("AMD [31mProx")
    assert len(gpu.name) <= 80


def test_a_gpu_without_a_render_node_or_a_known_name_says_so(tmp_path: Path) -> None:
    (gpu,) = listed(tree(tmp_path, replace(RX_6600, device="0x9999", render=None)))
    assert (gpu.name, gpu.node, gpu.groups) == ("AMD GPU", "", ())
    assert "render node" in gpu.fault
    assert gpu.fix


def test_a_device_file_that_everyone_may_open_needs_no_group(tmp_path: Path) -> None:
    root = tree(tmp_path, RX_6600)
    (root / "dev/dri/renderD129").chmod(0o666)
    assert listed(root)[0].groups == ()


@pytest.mark.parametrize(
    ("version", "name"),
    [(110000, "gfx1100"), (110003, "gfx1103"), (100302, "gfx1032"), (90010, "gfx90a"), (90402, "gfx942"), (0, "")],
)
def test_an_architecture_has_rocms_name(version: int, name: str) -> None:
    assert gfx(version) == name


def test_a_reading_has_what_the_sensors_tell(tmp_path: Path) -> None:
    readings = Sysfs(lambda _: (), tree(tmp_path, RX_7900_XTX, RX_6600, UHD_770)).read()
    assert readings == (
        GpuReading(
            uuid="GPU-e0a1b2c3d4e5f607",
            name="AMD Radeon RX 7900 XTX",
            pci="0000:03:00.0",
            total_mib=24 * 1024 - 16,
            free_mib=22 * 1024 - 16,
            utilisation=37,
            temperature_c=54,
            power_w=98.0,
            power_limit_w=339.0,
        ),
        GpuReading(
            uuid="0000:0a:00.0",
            name="AMD Radeon RX 6600",
            pci="0000:0a:00.0",
            total_mib=8192,
            free_mib=8192,
            power_w=4.0,
        ),
        GpuReading(
            uuid="0000:00:02.0",
            name="Intel AlderLake-S GT1 [UHD Graphics 770]",
            pci="0000:00:02.0",
            total_mib=0,
            free_mib=0,
        ),
    )


def test_a_gpu_that_sleeps_is_left_asleep_unless_it_is_woken(tmp_path: Path) -> None:
    sysfs = Sysfs(lambda _: (), tree(tmp_path, replace(RX_7900_XTX, power="suspended")))
    (asleep,) = sysfs.read(wakes=False)
    assert (asleep.is_suspended, asleep.temperature_c, asleep.total_mib) == (True, None, 24 * 1024 - 16)
    (woken,) = sysfs.read(wakes=True)
    assert (woken.is_suspended, woken.temperature_c) == (False, 54)


def opened(root: Path, pid: int, number: int, told: str, node: str = "/dev/dri/renderD128") -> None:
    """Let a process have a device file open."""
    write(root, f"proc/{pid}/comm", "llama-server")
    write(root, f"proc/{pid}/fdinfo/{number}", told)
    (root / f"proc/{pid}/fd").mkdir(exist_ok=True)
    (root / f"proc/{pid}/fd/{number}").symlink_to(node)


AMDGPU = "drm-driver:\tamdgpu\ndrm-pdev:\t0000:03:00.0\ndrm-client-id:\t41\ndrm-memory-vram:\t2097152 KiB"


def test_what_a_container_holds_is_counted_once_a_client(tmp_path: Path) -> None:
    root = tree(tmp_path, RX_7900_XTX)
    opened(root, 7, 4, AMDGPU + "\ndrm-total-vram:\t4194304 KiB")
    opened(root, 7, 5, AMDGPU)
    opened(root, 8, 4, AMDGPU.replace("41", "42"))
    opened(root, 7, 6, AMDGPU.replace("41", "43"), node="/dev/null")
    sysfs = Sysfs(lambda container: (container,), root)
    assert sysfs.held(7) == {"GPU-e0a1b2c3d4e5f607": 2048}
    assert sysfs.read()[0].holders == (
        GpuHolder(pid=7, name="llama-server", mib=2048),
        GpuHolder(pid=8, name="llama-server", mib=2048),
    )


@pytest.mark.parametrize(
    ("region", "mib"),
    [
        ("drm-total-vram0:\t3145728 KiB\ndrm-resident-vram0:\t1048576 KiB", 1024),  # xe
        ("drm-resident-local0:\t512 MiB\ndrm-total-system0:\t9 MiB", 512),  # i915
        ("drm-memory-vram:\t-5 KiB", 0),
        (f"drm-memory-vram:\t{'9' * 400} KiB", 0),
        ("drm-memory-vram:\t1 parsec", 0),
    ],
)
def test_each_driver_has_its_own_key_for_memory_of_the_gpu(tmp_path: Path, region: str, mib: int) -> None:
    root = tree(tmp_path, ARC_A770)
    opened(root, 7, 4, f"drm-pdev:\t0000:03:00.0\ndrm-client-id:\t1\n{region}")
    assert Sysfs(lambda container: (container,), root).held(7) == ({ARC_A770.pci: mib} if mib else {})


def test_what_rocm_holds_is_counted_where_the_graphics_driver_does_not_tell_it(tmp_path: Path) -> None:
    root = tree(tmp_path, RX_7900_XTX, kfd=KFD)
    write(root, "sys/class/kfd/kfd/proc/7/vram_40001", str(5 << 30))
    write(root, "sys/class/kfd/kfd/proc/9/vram_40001", str(1 << 30))
    assert Sysfs(lambda container: (container,), root).held(7) == {"GPU-e0a1b2c3d4e5f607": 5120}
