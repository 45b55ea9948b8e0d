"""The distribution of this machine, by its own files.

Sources: os-release(5) (https://www.freedesktop.org/software/systemd/man/latest/os-release.html); Unraid's
/etc/unraid-version; Synology's /etc.defaults/VERSION; TrueNAS's /etc/version; /run/ostree-booted, which ostree makes
(https://ostreedev.github.io/ostree/).
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from stackctl.core.setup.apt_sources import find_archive
from stackctl.terminal import shown_in_line

Family = Literal[
    "debian", "ubuntu", "fedora", "rhel", "arch", "suse", "alpine", "nixos", "unraid", "truenas", "synology", "other"
]
# systems that are no distribution, or one that can't be changed by packages
Fixed = Literal["", "rpm-ostree", "transactional", "steamos"]
_LONGEST_NAME: Final = 60
_FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "debian": "debian",
        "raspbian": "debian",
        "ubuntu": "ubuntu",
        "fedora": "fedora",
        "rhel": "rhel",
        "centos": "rhel",
        "arch": "arch",
        "archarm": "arch",
        "opensuse": "suse",
        "suse": "suse",
        "sles": "suse",
        "alpine": "alpine",
        "nixos": "nixos",
    }
)
# the Ubuntu and Debian that versions of these are built on; others name it in their os-release
_CODENAMES: Final[Mapping[str, str]] = MappingProxyType(
    {"11": "bullseye", "12": "bookworm", "13": "trixie", "20.04": "focal", "22.04": "jammy", "24.04": "noble"}
)


@dataclass(frozen=True, kw_only=True)
class Signs:
    """What a machine's files say. A file that is not there is ""."""

    os_release: str = ""
    unraid: str = ""  # /etc/unraid-version
    synology: str = ""  # /etc.defaults/VERSION
    truenas: str = ""  # /etc/version
    debian: str = ""  # /etc/debian_version
    apt: str = ""  # /etc/apt's sources of the distribution, as one text
    is_ostree: bool = False  # /run/ostree-booted is there
    is_wsl: bool = False


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A distribution. id: as os-release has it; name: for people.

    version: as numbers, () if it has none; codename: of the Debian or Ubuntu that it is or is built on, "" if unknown.
    is_derived: it is built on its family's distribution, and is not this one. archive: the address from which apt gets
    the packages of the codename, "" if unknown.
    """

    id: str
    name: str
    family: Family
    version: tuple[int, ...] = ()
    codename: str = ""
    is_derived: bool = False
    is_wsl: bool = False
    fixed: Fixed = ""
    archive: str = ""


def name_distribution(signs: Signs) -> Distribution:
    """Return the distribution that a machine's files name; one of the family "other" if none is known."""
    fields = _fields(signs.os_release)
    name = shown_in_line(fields.get("PRETTY_NAME") or fields.get("NAME") or "this system")[:_LONGEST_NAME]
    own = fields.get("ID", "").lower()
    version = _numbers(fields.get("VERSION_ID", ""))
    if signs.unraid:
        return Distribution(id="unraid", name=_with_version("Unraid", signs.unraid), family="unraid")
    if signs.synology and "productversion" in signs.synology:
        return Distribution(id="synology", name="Synology DSM", family="synology", version=_synology(signs.synology))
    if "truenas" in f"{own} {name} {signs.truenas}".lower():
        return Distribution(id="truenas", name=_with_version("TrueNAS", signs.truenas), family="truenas")
    family, is_derived = _family(own, fields.get("ID_LIKE", "").lower().split())
    codename = _codename(fields, family, is_derived=is_derived, debian=signs.debian)
    return Distribution(
        id=own or "linux",
        name=name,
        family=family,
        version=version,
        codename=codename,
        is_derived=is_derived,
        is_wsl=signs.is_wsl,
        fixed=_fixed(own, fields.get("VARIANT_ID", "").lower(), is_ostree=signs.is_ostree),
        archive=find_archive(signs.apt, codename),
    )


def _fields(text: str) -> dict[str, str]:
    """The assignments of an os-release, which are those of a shell; a line that is none is left out."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            try:
                found[name] = " ".join(shlex.split(value))
            except ValueError:  # an unclosed quote
                found[name] = value.strip("\"'")
    return found


def _numbers(text: str) -> tuple[int, ...]:
    found = re.match(r"\d{1,9}(\.\d{1,9})*", text)
    return tuple(int(one) for one in found[0].split(".")) if found else ()


def _family(own: str, like: list[str]) -> tuple[Family, bool]:
    """The family of an ID and those that it is like; and whether it is another system than the family's own."""
    if own.startswith("opensuse"):
        return "suse", False
    if own in _FAMILIES:
        return _FAMILIES[own], False
    # `ID_LIKE="ubuntu debian"`: the closest stands first; Rocky Linux has "rhel centos fedora"
    found: Family = next((_FAMILIES[one] for one in like if one in _FAMILIES), "other")
    return found, found != "other"


def _codename(fields: Mapping[str, str], family: Family, *, is_derived: bool, debian: str) -> str:
    if family == "ubuntu":
        own = fields.get("UBUNTU_CODENAME") or ("" if is_derived else fields.get("VERSION_CODENAME", ""))
    elif family == "debian":
        own = fields.get("DEBIAN_CODENAME") or ("" if is_derived else fields.get("VERSION_CODENAME", ""))
        if not own:  # a derived one has the number of its Debian in /etc/debian_version
            own = _CODENAMES.get(debian.strip().partition(".")[0], "")
    else:
        return ""
    own = own or ("" if is_derived else _CODENAMES.get(fields.get("VERSION_ID", ""), ""))
    return own if re.fullmatch(r"[a-z]{1,20}", own) else ""


def _fixed(own: str, variant: str, *, is_ostree: bool) -> Fixed:
    if is_ostree:
        return "rpm-ostree"
    if own == "steamos":
        return "steamos"
    if own in {"opensuse-microos", "opensuse-leap-micro", "opensuse-aeon", "opensuse-kalpa"} or "micro" in variant:
        return "transactional"
    return ""


def _with_version(name: str, text: str) -> str:
    found = re.search(r"\d{1,4}(\.\d{1,4}){1,3}", text)
    return f"{name} {found[0]}" if found else name


def _synology(text: str) -> tuple[int, ...]:
    found = re.search(r'productversion="(\d{1,3}(?:\.\d{1,3})*)"', text)
    return _numbers(found[1]) if found else ()
