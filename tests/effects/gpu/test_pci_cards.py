"""Display controllers on the PCI bus, in trees of files such as the kernel shows."""

from pathlib import Path

import pytest

from stackctl.contracts.host import Card
from stackctl.effects.gpu.pci_cards import cards

NAMES = """# a list
1002  Advanced Micro Devices, Inc. [AMD/ATI]
\t744c  Navi 31 [Radeon RX 7900 XT/7900 XTX]
10de  NVIDIA Corporation
\t2204  GA102 [GeForce RTX 3090]
\t\t1043 87b3  ROG STRIX
\t2684  AD102 [GeForce RTX 4090]
8086  Intel Corporation
\t2204  A device with the number of another maker's
"""


def add(
    root: Path, pci: str, vendor: str, device: str = "0x2204", kind: str = "0x030000", driver: str = "", **power: str
) -> None:
    """Put a device into the tree."""
    folder = root / "devices" / pci
    (folder / "power").mkdir(parents=True)
    files = {
        "vendor": vendor,
        "device": device,
        "class": kind,
        **{f"power/{name}": text for name, text in power.items()},
    }
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")
    if driver:
        (root / "bus/pci/drivers" / driver).mkdir(parents=True, exist_ok=True)
        (folder / "driver").symlink_to(root / "bus/pci/drivers" / driver)
    (root / "bus/pci/devices").mkdir(parents=True, exist_ok=True)
    (root / "bus/pci/devices" / pci).symlink_to(folder)


def listed(root: Path) -> tuple[Card, ...]:
    (root / "pci.ids").write_text(NAMES)
    return cards(root, (root / "missing", root / "pci.ids"))


@pytest.mark.parametrize(
    ("vendor", "expected"), [("0x10de", "nvidia"), ("0x1002", "amd"), ("0x8086", "intel"), ("0x1af4", "0x1af4")]
)
def test_a_card_is_of_the_maker_whose_number_it_has(tmp_path: Path, vendor: str, expected: str) -> None:
    add(tmp_path, "0000:01:00.0", vendor)
    assert [card.vendor for card in listed(tmp_path)] == [expected]


def test_a_card_is_known_with_its_driver_or_without_one(tmp_path: Path) -> None:
    add(tmp_path, "0000:65:00.0", "0x10de", driver="nouveau")
    add(tmp_path, "0000:01:00.0", "0x10de", "0x2684", kind="0x030200", runtime_status="suspended")
    assert listed(tmp_path) == (
        Card(vendor="nvidia", pci="0000:01:00.0", name="AD102 [GeForce RTX 4090]", is_suspended=True),
        Card(vendor="nvidia", pci="0000:65:00.0", name="GA102 [GeForce RTX 3090]", driver="nouveau"),
    )


def test_a_cards_sound_device_and_a_network_card_are_no_cards(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.1", "0x10de", kind="0x040300")
    add(tmp_path, "0000:02:00.0", "0x8086", kind="0x020000")
    assert listed(tmp_path) == ()


def test_a_card_without_a_known_name_has_none(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", "0x10de", "0x9999")
    add(tmp_path, "0000:02:00.0", "0x1af4", "0x1050")
    assert [card.name for card in listed(tmp_path)] == ["", ""]


def test_without_a_pci_bus_there_are_no_cards(tmp_path: Path) -> None:
    assert cards(tmp_path / "none") == ()
