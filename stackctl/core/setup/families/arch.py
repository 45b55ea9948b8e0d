"""Arch Linux, and what is built on it: Manjaro, EndeavourOS, CachyOS.

Sources: https://wiki.archlinux.org/title/Docker ; https://archlinux.org/packages/ (docker, docker-buildx,
docker-compose, nvidia-container-toolkit, nvidia-open: all in extra); https://wiki.archlinux.org/title/NVIDIA .
pacman -S without -u takes the versions of the last upgrade, as https://wiki.archlinux.org/title/System_maintenance
asks for: no partial upgrade.
"""

from typing import Final

from stackctl.core.setup.distribution import Distribution
from stackctl.core.setup.families.family import Driver, Packaged, Toolkit
from stackctl.core.setup.managers import install

_WIKI: Final = "https://wiki.archlinux.org/title/Docker"


def own(_: Distribution) -> Packaged | None:
    return Packaged(
        title="Arch Linux's",
        manager="pacman",
        engine=("docker", "docker-buildx"),
        compose=("docker-compose",),
        sources=(_WIKI,),
    )


def from_docker(_: Distribution) -> Packaged | None:
    return None


def toolkit(_: Distribution) -> Toolkit | None:
    return Toolkit(
        manager="pacman",
        packages=("nvidia-container-toolkit",),
        sources=(f"{_WIKI}#Run_GPU_accelerated_Docker_containers_with_NVIDIA_GPUs",),
    )


def driver(distribution: Distribution) -> Driver | None:
    """Return Arch's driver with open kernel modules; None for derived systems, which have programs of theirs."""
    if distribution.is_derived:
        return None
    packages = ("nvidia-open", "nvidia-utils")
    return Driver(
        manager="pacman",
        does=(install("pacman", packages),),
        packages=packages,
        why="It is for the kernel of the package linux, and for GPUs from the GTX 16 and RTX 20 on; older ones need a "
        "package of the AUR.",
        sources=("https://wiki.archlinux.org/title/NVIDIA",),
    )
