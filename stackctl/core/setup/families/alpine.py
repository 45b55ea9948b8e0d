"""Alpine Linux.

Sources: https://wiki.alpinelinux.org/wiki/Docker (the packages of the repository community, the service of OpenRC).
NVIDIA's driver and its toolkit need the GNU C library, which Alpine does not have.
"""

from stackctl.core.setup.distribution import Distribution
from stackctl.core.setup.families.family import Driver, Packaged, Toolkit


def own(_: Distribution) -> Packaged | None:
    return Packaged(
        title="Alpine's",
        manager="apk",
        engine=("docker", "docker-cli-buildx"),
        compose=("docker-cli-compose",),
        sources=("https://wiki.alpinelinux.org/wiki/Docker",),
    )


def from_docker(_: Distribution) -> Packaged | None:
    return None


def toolkit(_: Distribution) -> Toolkit | None:
    return None


def driver(_: Distribution) -> Driver | None:
    return None
