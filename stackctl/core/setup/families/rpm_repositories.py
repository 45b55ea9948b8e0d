"""The vendors' repositories for dnf and zypper.

Sources: https://docs.docker.com/engine/install/fedora/ , .../rhel/ and .../centos/ (packages, and the key's
fingerprint); https://github.com/docker/docker-ce-packaging (folder rpm: the versions); https://docs.nvidia.com/
datacenter/cloud-native/container-toolkit/latest/install-guide.html . The .repo file is fetched by curl, which is the
same for every version of dnf.
"""

from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.repair import RunProgram
from stackctl.core.setup.families.family import Packaged, Repository, Toolkit
from stackctl.core.setup.managers import Manager, install

_ENGINE: Final = ("docker-ce", "docker-ce-cli", "containerd.io", "docker-buildx-plugin")
_FOLDERS: Final[dict[str, PurePosixPath]] = {
    "dnf": PurePosixPath("/etc/yum.repos.d"),
    "zypper": PurePosixPath("/etc/zypp/repos.d"),
}
_NVIDIA: Final = "https://nvidia.github.io/libnvidia-container/stable/rpm/nvidia-container-toolkit.repo"
_NVIDIA_GUIDE: Final = (
    "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"
    "#with-dnf-rhel-centos-fedora-amazon-linux"
)


def docker(kind: str, guide: str) -> Packaged:
    """Return Docker of its vendor's repository. kind: fedora, rhel or centos."""
    target = _FOLDERS["dnf"] / "docker-ce.repo"
    repository = Repository(
        title="Docker's repository",
        does=_fetch("dnf", f"https://download.docker.com/linux/{kind}/docker-ce.repo", target),
        marks=(target,),
        files=(target,),
        packages=("curl",),
        fingerprint="060A 61C5 1B55 8A7F 742B 77AA C52F EB6B 621E 9F35",
        sources=(guide,),
    )
    return Packaged(
        title="Docker's",
        manager="dnf",
        engine=_ENGINE,
        compose=("docker-compose-plugin",),
        repository=repository,
        sources=(guide,),
    )


def nvidia_toolkit(manager: Manager) -> Toolkit:
    """Return NVIDIA's toolkit of its vendor's repository, which is one for all systems with RPM."""
    target = _FOLDERS[manager] / "nvidia-container-toolkit.repo"
    does = _fetch(manager, _NVIDIA, target)
    if manager == "zypper":  # its key is read once, since a question of it could not be answered later
        does = (*does, RunProgram(argv=("zypper", "--gpg-auto-import-keys", "refresh", "nvidia-container-toolkit")))
    repository = Repository(
        title="NVIDIA's repository of its Container Toolkit",
        does=does,
        marks=(target,),
        files=(target,),
        packages=("curl",),
        sources=(_NVIDIA_GUIDE,),
    )
    return Toolkit(
        manager=manager, packages=("nvidia-container-toolkit",), repository=repository, sources=(_NVIDIA_GUIDE,)
    )


def _fetch(manager: Manager, url: str, target: PurePosixPath) -> tuple[RunProgram, ...]:
    return (install(manager, ("curl",)), RunProgram(argv=("curl", "-fsSL", url, "-o", str(target))))
