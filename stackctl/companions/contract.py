"""The contract of a companion: what its module must define. COMPANIONS lists the modules by name."""

from dataclasses import dataclass
from typing import Any, Protocol

from stackctl.contracts.cause import Cause
from stackctl.contracts.service import ImageState, Publish, Service

Setting = Any  # the value of a key of stack.toml, or the mapping of a section


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a companion may know of the stack that it joins."""

    backend: str  # the backend's service and host name; "" if the stack does not run its backend
    backend_port: int
    backend_wait_s: int  # the most seconds that the backend takes to load its model
    tavern_image: str  # an image that contains node
    tavern_image_is: ImageState
    networks: tuple[str, ...]  # by name


class Companion(Protocol):
    """All that stackctl knows about one companion."""

    NAME: str  # the name of its service
    SETTING: str  # the key or section of stack.toml that asks for it; it is left out if that has no value
    NEEDS_OWN_BACKEND: bool  # it has no use if the stack does not run its backend

    def publish(self, setting: Setting) -> tuple[Publish, ...]:
        """Return the ports that it opens on this machine."""
        ...

    def service(self, setting: Setting, around: Surroundings) -> Service:
        """Return its service. The caller adapts the health check to the engine's features."""
        ...

    def notes(self, service: Service) -> tuple[str, ...]:
        """Return sentences for the user about what the service opens or needs."""
        ...

    def fatal(self, line: str) -> Cause | None:
        """Return the cause if this log line means that the service will never be ready, else None."""
        ...

    def ended(self, line: str) -> Cause | None:
        """Return the cause that this log line names if the container has ended; None if it names none."""
        ...

    def exit_cause(self, code: int) -> Cause | None:
        """Return the cause that an exit code stands for, where the log names none; None if it stands for none."""
        ...
