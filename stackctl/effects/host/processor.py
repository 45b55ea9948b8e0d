"""The processor, and the hypervisor that shows it to a virtual machine.

Source of the vendors: systemd's src/basic/virt.c, whose systemd-detect-virt reads the same files.
"""

import os
from pathlib import Path
from typing import Final

from stackctl.contracts.host import Cpu

_TABLE: Final = Path("/proc/cpuinfo")
_DMI: Final = Path("/sys/class/dmi/id")
# word among vendor and product of the machine's firmware -> hypervisor
_VENDORS: Final = (
    ("KVM", "QEMU/KVM"),
    ("QEMU", "QEMU/KVM"),
    ("VMware", "VMware"),
    ("VirtualBox", "VirtualBox"),
    ("innotek", "VirtualBox"),
    ("Microsoft", "Hyper-V"),
    ("Xen", "Xen"),
    ("Parallels", "Parallels"),
    ("BHYVE", "bhyve"),
    ("Google Compute Engine", "Google Compute Engine"),
    ("Amazon EC2", "Amazon EC2"),
)


def cpu(table: Path = _TABLE) -> Cpu:
    """Return this machine's processor, which containers share; a recent one is assumed if the kernel does not tell."""
    architecture, flags = os.uname().machine, _flags(table)
    if flags is None:
        return Cpu(architecture=architecture)
    return Cpu(architecture=architecture, avx="avx" in flags, avx2="avx2" in flags)


def hypervisor(table: Path = _TABLE, firmware: Path = _DMI) -> str:
    """Return the name of the hypervisor of this virtual machine; "" on a real machine, or if none is seen."""
    if "hypervisor" not in (_flags(table) or ()):
        return ""
    said = " ".join(_text(firmware / name) for name in ("sys_vendor", "product_name", "bios_vendor"))
    return next((name for word, name in _VENDORS if word in said), "an unknown hypervisor")


def _flags(table: Path) -> list[str] | None:
    lines = _text(table).splitlines()  # none but on Linux; elsewhere the engine runs on another machine
    return next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), None)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
