"""openSUSE Leap and Tumbleweed.

Sources: https://en.opensuse.org/Docker ; https://build.opensuse.org/package/show/openSUSE:Leap:15.5/docker-compose
(Compose 2.14.2). The driver: https://en.opensuse.org/SDB:NVIDIA_drivers
"""

from stackctl.core.setup.distribution import Distribution
from stackctl.core.setup.families import rpm_repositories
from stackctl.core.setup.families.family import Driver, Packaged, Toolkit


def own(distribution: Distribution) -> Packaged | None:
    """Return Docker as openSUSE packages it. Leap 15 has a Compose that is too old."""
    is_old = distribution.version[:1] == (15,)
    return Packaged(
        title="openSUSE's",
        manager="zypper",
        engine=("docker",),
        compose=() if is_old else ("docker-compose",),
        lack="openSUSE Leap 15 has Compose 2.14, and stackctl needs 2.20 or newer." if is_old else "",
        sources=("https://en.opensuse.org/Docker",),
    )


def from_docker(_: Distribution) -> Packaged | None:
    return None


def toolkit(_: Distribution) -> Toolkit | None:
    return rpm_repositories.nvidia_toolkit("zypper")


def driver(_: Distribution) -> Driver | None:
    return None
