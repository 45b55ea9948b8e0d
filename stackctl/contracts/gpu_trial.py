"""What one short container that requested GPUs showed."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Inside:
    """What the inside of a container shows of its GPUs."""

    nodes: tuple[str, ...] = ()  # device files: those that its make looks for, and those that were requested
    closed: tuple[str, ...] = ()  # those of them that the container's user can't open
    variables: Mapping[str, str] = field(default_factory=dict)  # those that name the GPUs to the make's driver
    listing: tuple[str, ...] | None = None  # what the make's program that lists GPUs printed; None if it is not there
    listing_code: int = 0  # its exit code; 124 if it did not end in time


@dataclass(frozen=True, kw_only=True)
class GpuTrial:
    """What the engine did with a container that requests GPUs, and what was seen inside."""

    refusal: str = ""  # the engine's words if it did not start the container
    drivers: tuple[str, ...] = ()  # the drivers of the requests that the engine kept
    devices: tuple[str, ...] = ()  # the paths of its device files inside, as the engine keeps them
    promised: tuple[str, ...] = ()  # the device files that the CDI files describe for the request; () if not readable
    inside: Inside | None = None
    unseen: str = ""  # why nothing was seen inside: a clause; "" if it was


@dataclass(frozen=True, kw_only=True)
class Lack:
    """What a container lacks of its GPUs: a clause, the command that repairs it, and the page that explains it."""

    says: str
    hint: str
    issue: str = "gpu-not-in-container"
