"""The time zone of a machine, as it stands there or not."""

from pathlib import Path

import pytest

from stackctl.effects.host.time_zone import time_zone


def found(folder: Path, *, environment: str = "", link: str = "", named: str = "") -> str:
    """Of a machine with this TZ, this link and this file; "": without."""
    if link:
        (folder / "localtime").symlink_to(link)
    if named:
        (folder / "timezone").write_text(named)
    given = {"TZ": environment} if environment else {}
    return time_zone(environment=given, link=folder / "localtime", name_file=folder / "timezone")


@pytest.mark.parametrize(
    ("where", "zone"),
    [
        ({"link": "/usr/share/zoneinfo/Europe/Berlin"}, "Europe/Berlin"),
        ({"link": "../usr/share/zoneinfo/America/Argentina/Ushuaia"}, "America/Argentina/Ushuaia"),
        ({"link": "/var/db/timezone/zoneinfo/Asia/Tokyo"}, "Asia/Tokyo"),  # macOS
        ({"named": "Europe/Berlin\n"}, "Europe/Berlin"),  # /etc/localtime is a copy
        ({"environment": "Asia/Tokyo", "link": "/usr/share/zoneinfo/Europe/Berlin"}, "Asia/Tokyo"),
        ({"environment": ":Asia/Tokyo"}, "Asia/Tokyo"),
        ({"environment": "/usr/share/zoneinfo/Asia/Tokyo"}, "Asia/Tokyo"),
        ({"environment": "JST-9", "link": "/usr/share/zoneinfo/Asia/Tokyo"}, "Asia/Tokyo"),
    ],
)
def test_a_zone_is_known_by_its_name(tmp_path: Path, where: dict[str, str], zone: str) -> None:
    assert found(tmp_path, **where) == zone


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"environment": "CET-1CEST"},
        {"environment": "../../etc/passwd"},
        {"environment": "Europe"},
        {"link": "/nowhere/at/all"},
        {"named": "Nowhere/City"},
        {"named": "Europe/Berlin\nx: y"},
        {"named": "\x00"},
    ],
)
def test_what_is_no_zone_s_name_is_none(tmp_path: Path, where: dict[str, str]) -> None:
    assert found(tmp_path, **where) == ""


def test_a_file_in_the_link_s_place_is_no_name(tmp_path: Path) -> None:
    (tmp_path / "localtime").write_bytes(b"TZif2")
    assert found(tmp_path) == ""
