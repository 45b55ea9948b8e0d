"""The machines among which an orchestrator moves a stack, and what was found on each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from stackctl.contracts.host import Cpu, Gpu


@dataclass(frozen=True, kw_only=True)
class Node:
    """One machine, as the orchestrator lists it."""

    id: str
    name: str  # its host name
    is_here: bool = False  # stackctl runs on it
    is_manager: bool = False
    state: str = "ready"  # ready, down, unknown, disconnected
    availability: str = "active"  # active, pause, drain
    engine: tuple[int, ...] = ()  # its engine's version
    platform: str = ""  # as linux/x86_64
    address: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, int] = field(default_factory=dict)  # a generic resource's kind -> how many it offers


@dataclass(frozen=True, kw_only=True)
class FileSeen:
    """A file on a node, as the backend's user finds it. size: None if it is missing; head: sha256 of its first MiB."""

    path: str
    size: int | None = None
    head: str = ""  # "" if it can't be read


@dataclass(frozen=True, kw_only=True)
class NodeReport:
    """What was found on a node. problem: why the backend can't run there, "" if it can; hint: what to do then.

    issue: the page that explains it. None, or () for GPUs: unknown.
    """

    node: Node
    problem: str = ""
    hint: str = ""
    issue: str = ""
    files: tuple[FileSeen, ...] = ()
    free_bytes: int | None = None  # where the model lies
    total_mib: int | None = None  # its memory
    free_mib: int | None = None  # available without swapping
    cpu: Cpu | None = None
    gpus: tuple[Gpu, ...] = ()
    devices: tuple[str, ...] = ()  # the device files of NVIDIA GPUs that a container there has
    services: tuple[str, ...] = ()  # those of the stack that run there
    subnets: tuple[str, ...] = ()  # those that it has a route to, its bridges among them

    @property
    def passes(self) -> bool:
        return not self.problem


@dataclass(frozen=True, kw_only=True)
class Brought:
    """What became of the model's files on a node. problem: why they are not there, "" if they are; hint: what to do.

    copied_bytes: those that were sent now.
    """

    node: str
    state: Literal["there", "copied", "failed", "left out"]
    copied_bytes: int = 0
    took_s: float = 0.0
    problem: str = ""
    hint: str = ""
    issue: str = ""


Brings = Callable[[str, str, int, int], None]  # a node, what it does, its bytes so far, its bytes in all
