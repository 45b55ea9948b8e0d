"""The events of a stack's start, as values."""

from collections.abc import Mapping
from dataclasses import dataclass

from stackctl.core.observed import ReadSeen, ServiceState
from stackctl.errors import StackctlError


@dataclass(frozen=True)
class Changed:
    """A container is in a new state; started: this event started it."""

    state: ServiceState
    started: bool


@dataclass(frozen=True)
class Line:
    """A service wrote a line to its log."""

    service: str
    text: str


@dataclass(frozen=True)
class Output:
    """The program that applies the stack wrote a line."""

    text: str


@dataclass(frozen=True)
class Applied:
    """All was asked for: the program that does it ended, with this exit code."""

    code: int


@dataclass(frozen=True)
class Kept:
    """A service was as wanted, and its container was left alone."""

    service: str


@dataclass(frozen=True)
class Refused:
    """A service can't come up, and no container of it says why."""

    why: StackctlError


@dataclass(frozen=True)
class EventStreamLost:
    """The engine's event stream broke off."""

    why: str


@dataclass(frozen=True)
class Idle:
    """Nothing happened for a while."""


@dataclass(frozen=True)
class Looked:
    """The engine listed all containers of the stack: service -> state."""

    states: Mapping[str, ServiceState]


@dataclass(frozen=True)
class ReadSoFar:
    """The engine reported how much a service's container has read; at_s: seconds since the start began."""

    service: str
    seen: ReadSeen
    at_s: float


Event = Changed | Line | Output | Applied | Kept | Refused | EventStreamLost | Idle | Looked | ReadSoFar
