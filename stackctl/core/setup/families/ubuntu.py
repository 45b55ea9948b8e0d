"""Ubuntu, and what is built on it: Linux Mint, Pop!_OS, elementary OS, Zorin OS.

Sources: apt-cache of Ubuntu's archive in November 2026: 22.04, 24.04 and 26.04 have docker.io 29.1.3, docker-buildx
0.30.1 and docker-compose-v2 2.40.3 (in universe), and a docker-compose that is 1.29.2 up to 24.04; 26.10 has
nvidia-container-toolkit 1.19.1. The driver: https://documentation.ubuntu.com/server/how-to/graphics/install-nvidia-drivers/
"""

from typing import Final

from stackctl.contracts.repair import RunProgram
from stackctl.core.setup.distribution import Distribution
from stackctl.core.setup.families import apt_repositories
from stackctl.core.setup.families.family import Driver, Packaged, Toolkit
from stackctl.core.setup.managers import install, refresh

_SOURCES: Final = ("https://packages.ubuntu.com/docker.io", "https://packages.ubuntu.com/docker-compose-v2")
_GUIDE: Final = "https://docs.docker.com/engine/install/ubuntu/"
_OF_DOCKER: Final = frozenset({"jammy", "noble", "resolute"})  # docker-ce-packaging, deb/ubuntu-*
_DRIVERS: Final = ("ubuntu-drivers-common",)


def own(_: Distribution) -> Packaged | None:
    """Return Docker of Ubuntu's archive, whose Compose 2 has another name than Debian's."""
    return Packaged(
        title="Ubuntu's",
        manager="apt",
        engine=("docker.io", "docker-buildx", "apparmor", "ca-certificates"),
        compose=("docker-compose-v2",),
        starts=True,
        sources=_SOURCES,
    )


def from_docker(distribution: Distribution) -> Packaged | None:
    """Return Docker's repository for this Ubuntu; None for an Ubuntu that it does not have."""
    if distribution.codename not in _OF_DOCKER:
        return None
    return apt_repositories.docker("ubuntu", distribution.codename, _GUIDE)


def toolkit(_: Distribution) -> Toolkit | None:
    return apt_repositories.nvidia_toolkit()


def driver(_: Distribution) -> Driver | None:
    """Return Ubuntu's own program that chooses and installs the driver."""
    return Driver(
        manager="apt",
        does=(*refresh("apt"), install("apt", _DRIVERS), RunProgram(argv=("ubuntu-drivers", "install"))),
        packages=_DRIVERS,
        why="Ubuntu's program chooses the driver for this GPU and its kernel, signed for Secure Boot.",
        sources=("https://documentation.ubuntu.com/server/how-to/graphics/install-nvidia-drivers/",),
    )
