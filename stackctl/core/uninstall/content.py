"""What an engine has, as far as it matters for removing what is ours: containers, images, networks, volumes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# the words at the end of SillyTavern's entrypoint in every stack of stackctl: core/tavern/container.py, entrypoint()
_WAITS: Final = "wait-for-backend"


@dataclass(frozen=True, kw_only=True)
class ContainerHere:
    """A container. project, folder: its labels, which anyone may have written; made_by: of our temporary ones."""

    id: str
    name: str
    image: str
    image_id: str
    state: str
    project: str = ""
    folder: str = ""
    made_by: str = ""
    is_marked: bool = False  # it starts as SillyTavern starts in a stack of stackctl, and nowhere else
    volumes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImageHere:
    """An image. tags: repository:tag; digests: repository@sha256:...; size: bytes, with layers that others share."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    size: int


@dataclass(frozen=True, kw_only=True)
class NetworkHere:
    """A network that carries one of our labels. is_used: a container is in it."""

    id: str
    name: str
    made_by: str = ""
    is_used: bool = False


@dataclass(frozen=True, kw_only=True)
class EngineContent:
    """What an engine has. volumes: (name, project) of those that Compose made, by name.

    stacks: (name, folder) of those of stackctl that run in Docker Swarm, with their data on this machine.
    """

    containers: tuple[ContainerHere, ...] = ()
    images: tuple[ImageHere, ...] = ()
    networks: tuple[NetworkHere, ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    stacks: tuple[tuple[str, str], ...] = ()


def is_marked(command: str) -> bool:
    """Return whether a container's command, as the engine lists it, is that of our SillyTavern."""
    return _WAITS in command


def projects(content: EngineContent) -> tuple[tuple[str, str], ...]:
    """Return (name, folder) of every Compose project that has containers, and of every stack in Swarm, by name."""
    found = {(one.project, one.folder) for one in content.containers if one.project} | {*content.stacks}
    return tuple(sorted(found))


def of_project(content: EngineContent, project: str) -> Sequence[ContainerHere]:
    return [one for one in content.containers if one.project == project]
