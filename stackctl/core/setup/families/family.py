"""The contract of a family of distributions: what its module must define."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from stackctl.core.setup.distribution import Distribution
from stackctl.core.setup.managers import Manager
from stackctl.core.setup.step import Action


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A vendor's repository. marks: files of which one is there once it was added; files: those that programs write.

    packages: those that adding it needs; fingerprint: of its key, as its vendor gives it.
    """

    title: str
    does: tuple[Action, ...]
    marks: tuple[PurePosixPath, ...]
    files: tuple[PurePosixPath, ...] = ()
    packages: tuple[str, ...] = ()
    fingerprint: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Packaged:
    """Docker as one source packages it.

    title: whose packages they are ("Debian's"); compose: () if it has no Compose that stackctl can use, and lack says
    so in a sentence; starts: installing the engine starts it, now and at each boot, if systemd or OpenRC runs.
    """

    title: str
    manager: Manager
    engine: tuple[str, ...]
    compose: tuple[str, ...]
    repository: Repository | None = None
    lack: str = ""
    starts: bool = False
    tried: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Toolkit:
    """NVIDIA's Container Toolkit. repository: None if the distribution packages it."""

    manager: Manager
    packages: tuple[str, ...]
    repository: Repository | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Driver:
    """NVIDIA's driver as the distribution recommends it. why: what the user should know, as sentences."""

    manager: Manager
    does: tuple[Action, ...]
    packages: tuple[str, ...]
    why: str
    files: tuple[PurePosixPath, ...] = ()
    sources: tuple[str, ...] = ()


class Family(Protocol):
    """A family. Each function returns None if this distribution has no such thing."""

    def own(self, distribution: Distribution) -> Packaged | None:
        """Return Docker as the distribution packages it."""
        ...

    def from_docker(self, distribution: Distribution) -> Packaged | None:
        """Return Docker as its vendor packages it for this distribution."""
        ...

    def toolkit(self, distribution: Distribution) -> Toolkit | None: ...
    def driver(self, distribution: Distribution) -> Driver | None: ...
