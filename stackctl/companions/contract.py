"""What a companion must say of itself. A companion is a module; COMPANIONS lists them by name."""

from dataclasses import dataclass
from typing import Any, Protocol

from stackctl.contracts.cause import Cause
from stackctl.contracts.service import ImageState, Publish, Service

Setting = Any  # what stack.toml says at a key; of a section a mapping of its keys


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a companion may know of the stack that it joins."""

    backend: str  # the backend's service and host name; "": it runs elsewhere
    backend_port: int
    backend_wait_s: int  # seconds until the backend's model is loaded, at most
    tavern_image: str  # in which there is node
    tavern_image_is: ImageState
    networks: tuple[str, ...]  # by name


class Companion(Protocol):
    """All that stackctl knows of one service beside the pair."""

    NAME: str  # of its service
    SETTING: str  # the key or section of stack.toml that asks for it; without a value there it is not wanted
    NEEDS_OWN_BACKEND: bool  # there is nothing for it to do where the backend runs elsewhere

    def publish(self, setting: Setting) -> tuple[Publish, ...]:
        """The ports that it opens on this machine."""
        ...

    def service(self, setting: Setting, around: Surroundings) -> Service:
        """Its service, whose health check is then fitted to what the engine can do."""
        ...

    def notes(self, service: Service) -> tuple[str, ...]:
        """What the user should know of it."""
        ...

    def fatal(self, line: str) -> Cause | None:
        """The cause, if this log line means that it will never be ready."""
        ...

    def ended(self, line: str) -> Cause | None:
        """The cause, if this log line tells it once the container has ended; before, it may mean nothing."""
        ...

    def exit_cause(self, code: int) -> Cause | None:
        """What an exit code of it means, where its log said nothing."""
        ...
