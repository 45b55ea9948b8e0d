"""The engine's images, and what happens on it."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from stackctl.core.observed import ServiceState

if TYPE_CHECKING:
    from stackctl.core.start.events import Event


class Images(Protocol):
    """The engine's images."""

    def digest(self, name: str) -> str | None: ...
    def check_room(self, names: Iterable[str]) -> None: ...
    def pull(self, name: str) -> None: ...
    def build(self, name: str) -> None: ...


class Watch(Protocol):
    """The engine's event stream, open since this was made."""

    def follow(self, process: Any) -> None: ...
    def read_log(self, state: ServiceState) -> None: ...
    def events(self, until: float) -> "Iterator[Event]": ...
    def close(self) -> None: ...
