"""Of which kind the servers are that were asked: each backend knows its own by its answers."""

from dataclasses import dataclass

from stackctl import backends
from stackctl.backends.contract import Backend, Request, ServerInfo
from stackctl.core.observed import ProbeResult, ServerSeen


@dataclass(frozen=True, kw_only=True)
class DetectedServer:
    """A server of a known kind. `url`: as it was asked, from inside a container unless said otherwise."""

    backend: Backend
    url: str
    served: ServerInfo

    @property
    def is_ready(self) -> bool:
        return not (self.served.is_loading or self.served.is_locked or self.served.problem)


def questions() -> tuple[Request, ...]:
    """What to ask a server to learn of which kind it is, and whether its model is loaded."""
    asked = (request for backend in backends.BACKENDS.values() for request in (backend.READY, *backend.QUESTIONS))
    return tuple({request.path: request for request in asked}.values())


def detect_server(tried: ProbeResult) -> DetectedServer | None:
    """The server that answered, if a backend knows it for its own."""
    for backend in backends.BACKENDS.values():
        if (served := backend.recognise(tried.answers)) is not None:
            return DetectedServer(backend=backend, url=tried.url, served=served)
    return None


def detected_servers(server: ServerSeen | None) -> tuple[DetectedServer, ...]:
    """The servers of a known kind among those that were asked; the ready ones first."""
    found = [one for tried in (server.tried if server else ()) if (one := detect_server(tried))]
    return tuple(sorted(found, key=lambda one: not one.is_ready))
