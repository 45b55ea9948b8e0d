"""What happens to a stack while it starts, as values."""

from collections.abc import Mapping
from dataclasses import dataclass

from stackctl.core.observed import ReadSeen, ServiceState


@dataclass(frozen=True)
class Changed:
    """A container is in a new state; `started`: by this event."""

    state: ServiceState
    started: bool


@dataclass(frozen=True)
class Line:
    """A service wrote a line to its log."""

    service: str
    text: str


@dataclass(frozen=True)
class ComposeOutput:
    """Compose wrote a line."""

    text: str


@dataclass(frozen=True)
class ComposeExited:
    """Compose ended, with this exit code."""

    code: int


@dataclass(frozen=True)
class EventStreamLost:
    """The engine's event stream broke off."""

    why: str


@dataclass(frozen=True)
class Idle:
    """Nothing happened for a while; time to look at the clock."""


@dataclass(frozen=True)
class Looked:
    """The engine was asked for all containers of the stack: service -> state."""

    states: Mapping[str, ServiceState]


@dataclass(frozen=True)
class ReadSoFar:
    """The engine was asked what a service's container has had read; `at_s`: seconds since the start began."""

    service: str
    seen: ReadSeen
    at_s: float


Event = Changed | Line | ComposeOutput | ComposeExited | EventStreamLost | Idle | Looked | ReadSoFar
