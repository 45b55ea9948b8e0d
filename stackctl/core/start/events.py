"""What happens to a stack while it starts, as values."""

from dataclasses import dataclass

from stackctl.core.observed import ServiceState


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


Event = Changed | Line | ComposeOutput | ComposeExited | EventStreamLost | Idle
