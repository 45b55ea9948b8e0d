"""What a machine has of what a stack needs, and what it lacks."""

from dataclasses import dataclass, field
from typing import Final, Literal

from stackctl.contracts.engine_link import EngineLink
from stackctl.contracts.system import User
from stackctl.core.doctor.repairs import GROUP
from stackctl.core.formats.version import dotted
from stackctl.core.plan.engine_features import OLDEST_COMPOSE
from stackctl.core.setup.distribution import Distribution, Signs, name_distribution
from stackctl.core.setup.step import Lacking

Init = Literal["", "systemd", "openrc"]
# what the command docker is: "" if there is none
Command = Literal["", "docker", "podman", "snap"]
# the files of repositories that a setup may add
FILES: Final = (
    "/etc/apt/sources.list.d/docker.sources",
    "/etc/apt/sources.list.d/docker.list",
    "/etc/apt/sources.list.d/nvidia-container-toolkit.list",
    "/etc/yum.repos.d/docker-ce.repo",
    "/etc/yum.repos.d/nvidia-container-toolkit.repo",
    "/etc/zypp/repos.d/nvidia-container-toolkit.repo",
)
_DOCTOR: Final = "Run `stackctl doctor`, which names the cause and what to do."
_GPU_GROUPS: Final = ("render", "video")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen. All that an engine says is empty where it did not answer.

    refusal: why stackctl can't use the engine that answers; has_engine: the program of a Docker
    Engine is installed, whether or not it runs; compose: its version, () if there is none; compose_1: only Compose 1 is
    there; cards: the makes of the GPUs on the PCI bus; driver: the version of NVIDIA's; toolkit: whether nvidia-ctk is
    there; knows_nvidia: the engine has NVIDIA's runtime or CDI devices; files: those of FILES that exist; running: the
    containers that a restart of the engine would stop.
    """

    distribution: Distribution = field(default_factory=lambda: name_distribution(Signs()))
    architecture: str = "x86_64"
    user: User = field(default_factory=lambda: User(name="root", uid=0))
    init: Init = "systemd"
    link: EngineLink = field(default_factory=lambda: EngineLink(address="unix:///var/run/docker.sock"))
    refusal: str = ""
    command: Command = ""
    product: str = ""
    is_rootless: bool = False
    has_engine: bool = False
    has_podman: bool = False
    compose: tuple[int, ...] = ()
    compose_1: bool = False
    cards: frozenset[str] = frozenset()
    driver: str = ""
    toolkit: bool = False
    knows_nvidia: bool = False
    files: frozenset[str] = frozenset()
    running: tuple[str, ...] = ()

    @property
    def answers(self) -> bool:
        return not self.link.failure

    @property
    def is_podman(self) -> bool:
        return "podman" in self.product.lower()


def lacking(seen: Seen, *, with_gpu: bool) -> tuple[Lacking, ...]:
    """Return what is lacking, in the order in which it is added. with_gpu: also what a GPU needs."""
    found = [*_engine(seen), *_compose(seen), *_group(seen)]
    return tuple(found + (_gpu(seen) if with_gpu else []))


def _engine(seen: Seen) -> list[Lacking]:
    link = seen.link
    at = f" ({link.address})" if link.address else ""
    if seen.refusal:
        return [Lacking(lack="answer", says=seen.refusal, hint=_DOCTOR)]
    if link.failure in {"", "permission"}:
        return []
    if link.source != "default" or link.failure in {"silent", "elsewhere", "context", "unknown"}:
        says = f"the engine that DOCKER_HOST or a Docker context names does not answer{at}"
        if link.failure == "silent":
            says = f"the container engine does not answer{at}"
        return [Lacking(lack="answer", says=says, hint=_DOCTOR)]
    if seen.has_engine or link.failure == "refused":
        return [Lacking(lack="service", says="Docker is installed and does not run")]
    return [Lacking(lack="engine", says="no container engine is installed")]


def _compose(seen: Seen) -> list[Lacking]:
    if seen.compose >= OLDEST_COMPOSE:
        return []
    if seen.compose:
        says = f"Docker Compose {dotted(seen.compose)} is too old: stackctl needs 2.20 or newer"
    elif seen.compose_1:
        says = "only Compose 1 is installed, and stackctl needs Compose 2.20 or newer"
    else:
        says = "Docker Compose is not installed"
    return [Lacking(lack="compose", says=says)]


def _group(seen: Seen) -> list[Lacking]:
    user, failure = seen.user, seen.link.failure
    is_allowed = not failure or failure not in {"permission", "missing", "refused"} or seen.link.source != "default"
    if not user.uid or is_allowed or GROUP in user.groups or seen.command == "podman":
        return []
    if GROUP in user.listed_groups:
        says = f"{user.name} is in the group {GROUP} only from the next login on"
        return [Lacking(lack="login", says=says, hint="Log out and in again, then run `stackctl setup` again.")]
    return [Lacking(lack="group", says=f"{user.name} is not in the group {GROUP}")]


def _gpu(seen: Seen) -> list[Lacking]:
    found = []
    if "nvidia" in seen.cards or seen.driver:
        if not seen.driver:
            found.append(Lacking(lack="driver", says="the NVIDIA GPU has no working driver"))
        if not seen.toolkit:
            found.append(Lacking(lack="toolkit", says="NVIDIA's Container Toolkit is not installed"))
        if not seen.knows_nvidia:
            found.append(Lacking(lack="runtime", says="the engine does not know NVIDIA's GPUs"))
    if seen.cards & {"amd", "intel"} and seen.is_rootless and not set(_GPU_GROUPS) & set(seen.user.listed_groups):
        groups = " or ".join(_GPU_GROUPS)
        says = f"{seen.user.name}, who runs the rootless engine, is not in the group {groups} of the GPU's files"
        found.append(Lacking(lack="gpu groups", says=says))
    return found
