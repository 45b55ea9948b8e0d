"""Red Hat Enterprise Linux, CentOS Stream, and what is built on them: Rocky Linux, AlmaLinux, Oracle Linux.

Sources: https://docs.docker.com/engine/install/rhel/ and .../centos/ . Red Hat packages Podman, and no Docker.
The driver: https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/
"""

from typing import Final

from stackctl.core.setup.distribution import Distribution
from stackctl.core.setup.families import rpm_repositories
from stackctl.core.setup.families.family import Driver, Packaged, Toolkit

_GUIDES: Final = {
    "rhel": "https://docs.docker.com/engine/install/rhel/",
    "centos": "https://docs.docker.com/engine/install/centos/",
}


def own(_: Distribution) -> Packaged | None:
    return None


def from_docker(distribution: Distribution) -> Packaged | None:
    """Return Docker's repository: Red Hat's for RHEL, that of CentOS for all others."""
    kind = "rhel" if distribution.id == "rhel" else "centos"
    return rpm_repositories.docker(kind, _GUIDES[kind])


def toolkit(_: Distribution) -> Toolkit | None:
    return rpm_repositories.nvidia_toolkit("dnf")


def driver(_: Distribution) -> Driver | None:
    return None
