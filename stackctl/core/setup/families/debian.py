"""Debian, and what is built on it: Raspberry Pi OS, Linux Mint Debian Edition, Kali, Proxmox VE.

Sources: apt-cache of Debian's archive in November 2026: bookworm has docker.io 20.10.24 and docker-compose 1.29.2,
trixie docker.io 26.1.5 with docker-cli, docker-buildx 0.13.1 and docker-compose 2.26.1, forky 28.5.2 and 2.40.3.
docker.io recommends apparmor, whose program the engine needs where the kernel has AppArmor.
The driver: https://wiki.debian.org/NvidiaGraphicsDrivers
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from stackctl.contracts.repair import WriteFile
from stackctl.core.setup.distribution import Distribution
from stackctl.core.setup.families import apt_repositories
from stackctl.core.setup.families.family import Driver, Packaged, Toolkit
from stackctl.core.setup.managers import install, refresh

_AROUND: Final = ("apparmor", "ca-certificates")
_SOURCES: Final = ("https://packages.debian.org/docker.io", "https://packages.debian.org/docker-compose")
_GUIDE: Final = "https://docs.docker.com/engine/install/debian/"
# docker-ce-packaging, deb/debian-*
_OF_DOCKER: Final = frozenset({"bullseye", "bookworm", "trixie"})
_NAMES: Final[Mapping[str, str]] = MappingProxyType({"bullseye": "Debian 11", "bookworm": "Debian 12"})
_NON_FREE: Final = PurePosixPath("/etc/apt/sources.list.d/debian-non-free.sources")
_KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"


def own(distribution: Distribution) -> Packaged | None:
    """Return Docker of Debian's archive. Up to Debian 12 it has only Compose 1."""
    if old := _NAMES.get(distribution.codename):
        lack = f"{old} has only Compose 1.{29 if old.endswith('12') else 25}, which stackctl can't use."
        return Packaged(
            title="Debian's",
            manager="apt",
            engine=("docker.io", *_AROUND),
            compose=(),
            lack=lack,
            starts=True,
            tried="Debian 12" if _is_tried(distribution, "bookworm") else "",
            sources=_SOURCES,
        )
    return Packaged(
        title="Debian's",
        manager="apt",
        engine=("docker.io", "docker-cli", "docker-buildx", *_AROUND),
        compose=("docker-compose",),
        starts=True,
        tried="Debian 13" if _is_tried(distribution, "trixie") else "",
        sources=_SOURCES,
    )


def from_docker(distribution: Distribution) -> Packaged | None:
    """Return Docker's repository for this Debian; None for a Debian that it does not have."""
    if distribution.codename not in _OF_DOCKER:
        return None
    kind = "raspbian" if distribution.id == "raspbian" else "debian"
    return apt_repositories.docker(kind, distribution.codename, _GUIDE)


def toolkit(_: Distribution) -> Toolkit | None:
    return apt_repositories.nvidia_toolkit()


def driver(distribution: Distribution) -> Driver | None:
    """Return the driver of Debian's section non-free; None where the release or apt's archive of it is not known."""
    if distribution.is_derived or not distribution.archive:
        return None
    components = "contrib non-free non-free-firmware"
    text = (
        f"Types: deb\nURIs: {distribution.archive}\nSuites: {distribution.codename}\n"
        f"Components: {components}\nSigned-By: {_KEYRING}\n"
    )
    packages = ("linux-headers-amd64", "nvidia-driver", "firmware-misc-nonfree")
    return Driver(
        manager="apt",
        does=(WriteFile(path=_NON_FREE, text=text), *refresh("apt"), install("apt", packages)),
        packages=packages,
        why="It comes from Debian's sections contrib and non-free, and is built for this kernel. With Secure Boot its "
        "module must be signed with a key that you enrol: https://wiki.debian.org/SecureBoot .",
        sources=("https://wiki.debian.org/NvidiaGraphicsDrivers",),
    )


def _is_tried(distribution: Distribution, codename: str) -> bool:
    return distribution.id == "debian" and distribution.codename == codename
