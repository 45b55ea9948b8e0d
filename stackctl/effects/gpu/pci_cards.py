"""The display controllers on the PCI bus, as the kernel lists them. No driver of theirs is asked.

Sources: https://docs.kernel.org/PCI/sysfs-pci.html; Documentation/ABI/testing/sysfs-devices-power (runtime_status,
control); https://pci-ids.ucw.cz (pci.ids, which distributions ship).
"""

from pathlib import Path
from types import MappingProxyType
from typing import Final

from stackctl.contracts.host import Card
from stackctl.effects.gpu.attributes import text

VENDORS: Final = MappingProxyType({"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"})
_DISPLAY: Final = "0x03"  # the class of VGA, 3D and other display controllers
_NAMES: Final = (Path("/usr/share/misc/pci.ids"), Path("/usr/share/hwdata/pci.ids"))
_MOST_NAMES: Final = 8 << 20  # bytes; the file has 1.5 MB


def cards(sys: Path = Path("/sys"), names: tuple[Path, ...] = _NAMES) -> tuple[Card, ...]:
    """Return the display controllers, by their addresses. sys: where sysfs is mounted; names: files like pci.ids."""
    try:
        devices = sorted((sys / "bus/pci/devices").iterdir())
    except OSError:  # no PCI bus: WSL, some virtual machines and boards
        return ()
    table = ""
    found = []
    for device in devices:
        if not text(device / "class").startswith(_DISPLAY):
            continue
        table = table or _table(names)
        found.append(_card(device, table))
    return tuple(found)


def _card(device: Path, table: str) -> Card:
    vendor = text(device / "vendor")
    driver = device / "driver"
    return Card(
        vendor=VENDORS.get(vendor, vendor),
        pci=device.name,
        name=_name(table, vendor, text(device / "device")),
        driver=driver.resolve().name if driver.is_symlink() else "",
        is_suspended=text(device / "power/runtime_status") == "suspended",
        may_suspend=text(device / "power/control") == "auto",
    )


def _table(names: tuple[Path, ...]) -> str:
    for path in names:
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                return file.read(_MOST_NAMES)
        except OSError:
            continue
    return ""


def _name(table: str, vendor: str, device: str) -> str:
    """Return the device's name in the table; "" if it has none."""
    _, _, after = f"\n{table}".partition(f"\n{vendor.removeprefix('0x')}  ")
    for line in after.splitlines()[1:]:
        if line and not line.startswith(("\t", "#")):
            break  # the next vendor
        number, _, name = line.strip().partition("  ")
        if line.startswith("\t") and not line.startswith("\t\t") and number == device.removeprefix("0x"):
            return name.strip()
    return ""
