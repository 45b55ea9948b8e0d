"""This machine's time zone, by its IANA name."""

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
    """Return a name such as Europe/Berlin, from TZ, the target of /etc/localtime, or /etc/timezone; "" if unknown."""
    return next((one for one in (_of_environment(environment), _linked(link), _named(name_file)) if _exists(one)), "")


def _of_environment(environment: Mapping[str, str]) -> str:
    return environment.get("TZ", "").removeprefix(":").rpartition("zoneinfo/")[2]


def _linked(link: Path) -> str:
    """Return the name in the link itself: its target may be a link to a zone of another name."""
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
    except (ZoneInfoNotFoundError, ValueError, OSError):  # unknown, outside of the table, or a folder
        return False
