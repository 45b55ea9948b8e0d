"""CDI files, which describe the devices that an engine can add to containers, and what there is of all they name."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Node:
    """A device file. major, minor: as the CDI file says; 0 and 0 if the engine looks at the device itself."""

    path: str  # on the host
    inside: str  # in the container
    major: int = 0
    minor: int = 0
    is_complete: bool = False  # the engine makes it even if the host has no such device


@dataclass(frozen=True, kw_only=True)
class Edits:
    """What the engine adds to a container: paths of the host."""

    nodes: tuple[Node, ...] = ()
    mounts: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()  # of hooks that run on the host

    @property
    def paths(self) -> frozenset[str]:
        return frozenset((*(node.path for node in self.nodes), *self.mounts, *self.programs))


@dataclass(frozen=True, kw_only=True)
class CdiFile:
    """One file of a folder that the engine reads. folder: its place in the engine's list, of which the last wins."""

    path: str
    folder: int = 0
    devices: Mapping[str, Edits] = field(default_factory=dict)  # by full name; each with what the file adds for all
    error: str = ""  # why the engine can't use it
    is_unread: bool = False  # this user may not read it

    @property
    def paths(self) -> frozenset[str]:
        return frozenset().union(*(edits.paths for edits in self.devices.values()))


@dataclass(frozen=True, kw_only=True)
class PathSeen:
    """What lies at a path. None: this user can't see it."""

    exists: bool | None = False  # links are followed
    device: tuple[int, int] | None = None  # major and minor, if it is a device file itself and not a link to one
    is_program: bool = True


@dataclass(frozen=True, kw_only=True)
class CdiSeen:
    """The CDI files that the engine reads, and what there is of all that they name, and of NVIDIA's control devices."""

    folders: tuple[str, ...] = ()  # the last one wins
    files: tuple[CdiFile, ...] = ()
    paths: Mapping[str, PathSeen] = field(default_factory=dict)
    driver: str = ""  # the version of the NVIDIA driver that is loaded; "" if none is
    refreshed: str = ""  # the file that the toolkit's service writes; "" without that service
    has_toolkit: bool = True  # nvidia-ctk can be run
    is_rootless: bool = False  # the engine reads them as a user who is not root
