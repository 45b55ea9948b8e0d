"""The vendors' repositories for apt.

Sources: https://docs.docker.com/engine/install/debian/ and .../ubuntu/ (the key's file, the .sources file, the
packages; the fingerprint is in their older editions); https://github.com/docker/docker-ce-packaging (folder deb: the
codenames; control: docker-compose-plugin conflicts with nothing of Debian 12); https://docs.nvidia.com/datacenter/
cloud-native/container-toolkit/latest/install-guide.html (the list of apt and its key). apt reads a key that is text,
and writes the machine's architecture for $(ARCH): sources.list(5).
"""

from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.repair import RunProgram, WriteFile
from stackctl.core.setup.families.family import Packaged, Repository, Toolkit
from stackctl.core.setup.managers import install, refresh

ENGINE: Final = ("docker-ce", "docker-ce-cli", "containerd.io", "docker-buildx-plugin", "apparmor")
COMPOSE: Final = ("docker-compose-plugin",)
_KEYRINGS: Final = PurePosixPath("/etc/apt/keyrings")
_LISTS: Final = PurePosixPath("/etc/apt/sources.list.d")
_TOOLS: Final = ("ca-certificates", "curl")
_NVIDIA: Final = "https://nvidia.github.io/libnvidia-container"
_NVIDIA_GUIDE: Final = (
    "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html#with-apt-ubuntu-debian"
)


def docker(kind: str, codename: str, guide: str) -> Packaged:
    """Return Docker of its vendor's repository. kind: debian, ubuntu or raspbian."""
    url, key = f"https://download.docker.com/linux/{kind}", _KEYRINGS / "docker.asc"
    text = f"Types: deb\nURIs: {url}\nSuites: {codename}\nComponents: stable\nSigned-By: {key}\n"
    repository = Repository(
        title="Docker's repository",
        does=(
            *_before(),
            RunProgram(argv=("curl", "-fsSL", f"{url}/gpg", "-o", str(key))),
            RunProgram(argv=("chmod", "a+r", str(key))),
            WriteFile(path=_LISTS / "docker.sources", text=text),
            *refresh("apt"),
        ),
        marks=(_LISTS / "docker.sources", _LISTS / "docker.list"),
        files=(key,),
        packages=_TOOLS,
        fingerprint="9DC8 5822 9FC7 DD38 854A E2D8 8D81 803C 0EBF CD88",
        sources=(guide,),
    )
    return Packaged(
        title="Docker's",
        manager="apt",
        engine=ENGINE,
        compose=COMPOSE,
        repository=repository,
        starts=True,
        sources=(guide,),
    )


def nvidia_toolkit() -> Toolkit:
    """Return NVIDIA's toolkit of its vendor's repository, which is one for all systems with apt."""
    key = _KEYRINGS / "nvidia-container-toolkit.asc"
    target = _LISTS / "nvidia-container-toolkit.list"
    repository = Repository(
        title="NVIDIA's repository of its Container Toolkit",
        does=(
            *_before(),
            RunProgram(argv=("curl", "-fsSL", f"{_NVIDIA}/gpgkey", "-o", str(key))),
            RunProgram(argv=("chmod", "a+r", str(key))),
            WriteFile(path=target, text=f"deb [signed-by={key}] {_NVIDIA}/stable/deb/$(ARCH) /\n"),
            *refresh("apt"),
        ),
        marks=(target,),
        files=(key,),
        packages=_TOOLS,
        sources=(_NVIDIA_GUIDE,),
    )
    return Toolkit(
        manager="apt", packages=("nvidia-container-toolkit",), repository=repository, sources=(_NVIDIA_GUIDE,)
    )


def _before() -> tuple[RunProgram, ...]:
    make = RunProgram(argv=("install", "-m", "0755", "-d", str(_KEYRINGS)))
    return (*refresh("apt"), install("apt", _TOOLS), make)
