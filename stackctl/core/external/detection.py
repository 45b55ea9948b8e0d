"""Detects the kind of an external server: each backend recognises its servers by their answers."""

from dataclasses import dataclass

from stackctl import backends
from stackctl.backends.contract import Backend, ServerInfo
from stackctl.contracts.request import Request
from stackctl.core.observed import ProbeResult, ServerSeen


@dataclass(frozen=True, kw_only=True)
class DetectedServer:
    """A server of a known kind. url: the one that was asked, from inside a container unless stated otherwise."""

    backend: Backend
    url: str
    served: ServerInfo

    @property
    def is_ready(self) -> bool:
        return not (self.served.is_loading or self.served.is_locked or self.served.problem)


def questions() -> tuple[Request, ...]:
    """Return the requests that tell a server's kind, and whether its model is loaded."""
    asked = (request for backend in backends.BACKENDS.values() for request in (backend.READY, *backend.QUESTIONS))
    return tuple({request.path: request for request in asked}.values())


def usual_ports() -> tuple[int, ...]:
    """Return the ports on which the backends listen by default."""
    return tuple(dict.fromkeys(port for backend in backends.BACKENDS.values() for port in backend.USUAL_PORTS))


def detect_server(tried: ProbeResult) -> DetectedServer | None:
    """Return the server that answered; None if no backend recognises it."""
    for backend in backends.BACKENDS.values():
        if (served := backend.recognise(tried.answers)) is not None:
            return DetectedServer(backend=backend, url=tried.url, served=served)
    return None


def detected_servers(server: ServerSeen | None) -> tuple[DetectedServer, ...]:
    """Return the servers of a known kind among those that were asked; the ready ones first."""
    found = [one for tried in (server.tried if server else ()) if (one := detect_server(tried))]
    return tuple(sorted(found, key=lambda one: not one.is_ready))
