"""Fedora Linux.

Sources: https://packages.fedoraproject.org (moby-engine, docker-cli, docker-buildx, docker-compose);
https://docs.docker.com/engine/install/fedora/ ; the driver: https://rpmfusion.org/Howto/NVIDIA
"""

from typing import Final

from stackctl.core.setup.distribution import Distribution
from stackctl.core.setup.families import rpm_repositories
from stackctl.core.setup.families.family import Driver, Packaged, Toolkit

_GUIDE: Final = "https://docs.docker.com/engine/install/fedora/"


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


def driver(_: Distribution) -> Driver | None:
    """Return None: the driver comes from RPM Fusion, whose guide says how to add it."""
    return None
