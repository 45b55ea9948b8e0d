"""This machine's time zone, by the name that the IANA gave it."""

import os
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def time_zone(
    *,
    environment: Mapping[str, str] = os.environ,
    link: Path = Path("/etc/localtime"),
    name_file: Path = Path("/etc/timezone"),
) -> str:
    """Return such as Europe/Berlin: by TZ, by where /etc/localtime leads, or by /etc/timezone; "" where unknown."""
    return next((one for one in (_of_environment(environment), _linked(link), _named(name_file)) if _exists(one)), "")


def _of_environment(environment: Mapping[str, str]) -> str:
    return environment.get("TZ", "").removeprefix(":").rpartition("zoneinfo/")[2]


def _linked(link: Path) -> str:
    """As the link has it: what it leads to may itself be a link to a zone of another name."""
    try:
        return str(link.readlink()).rpartition("zoneinfo/")[2]
    except OSError:
        return ""


def _named(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _exists(name: str) -> bool:
    try:
        return bool(name) and bool(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):  # no such file; one that leads out of the table; a folder
        return False
