"""Fedora Linux.

Sources: https://packages.fedoraproject.org (moby-engine, docker-cli, docker-buildx, docker-compose);
https://docs.docker.com/engine/install/fedora/ ; the driver: https://rpmfusion.org/Howto/NVIDIA
"""

from typing import Final

from stackctl.core.setup.distribution import Distribution
from stackctl.core.setup.families import rpm_repositories
from stackctl.core.setup.families.family import Driver, Packaged, Toolkit
from stackctl.core.setup.managers import install

_GUIDE: Final = "https://docs.docker.com/engine/install/fedora/"
_DRIVER: Final = ("akmod-nvidia", "xorg-x11-drv-nvidia-cuda")


def own(_: Distribution) -> Packaged | None:
    """Return Docker as Fedora packages it, under the name of its sources, Moby."""
    return Packaged(
        title="Fedora's",
        manager="dnf",
        engine=("moby-engine", "docker-cli", "docker-buildx"),
        compose=("docker-compose",),
        sources=(
            "https://packages.fedoraproject.org/pkgs/moby-engine/moby-engine/",
            "https://packages.fedoraproject.org/pkgs/docker-compose/docker-compose/",
        ),
    )


def from_docker(distribution: Distribution) -> Packaged | None:
    """Return Docker's repository, which has Fedora's newest versions alone, and none of what is built on Fedora."""
    return None if distribution.is_derived else rpm_repositories.docker("fedora", _GUIDE)


def toolkit(_: Distribution) -> Toolkit | None:
    return rpm_repositories.nvidia_toolkit("dnf")


def driver(distribution: Distribution) -> Driver | None:
    """Return the driver of RPM Fusion; None where Fedora's version is not known."""
    if distribution.is_derived or not distribution.version:
        return None
    release = f"rpmfusion-nonfree-release-{distribution.version[0]}.noarch.rpm"
    packages = (f"https://mirrors.rpmfusion.org/nonfree/fedora/{release}",)
    return Driver(
        manager="dnf",
        does=(install("dnf", packages), install("dnf", _DRIVER)),
        packages=("rpmfusion-nonfree-release", *_DRIVER),
        why="It comes from RPM Fusion, and is built for this kernel: wait five minutes before you reboot. With Secure "
        "Boot you enrol its key first: https://rpmfusion.org/Howto/Secure%20Boot .",
        sources=("https://rpmfusion.org/Howto/NVIDIA",),
    )
