"""Taking a whole Compose project off the engine, without its files: they may be gone."""

from contextlib import suppress
from typing import Any, Protocol

from stackctl.errors import EngineError

_PROJECT = "com.docker.compose.project"


class Client(Protocol):
    """What this module needs of the engine."""

    @property
    def client(self) -> Any: ...


def remove(engine: Client, project: str) -> None:
    """Remove a project's containers, running or not, with their anonymous volumes, and its networks."""
    import docker.errors
    import requests

    client, label = engine.client, {"label": f"{_PROJECT}={project}"}
    try:
        for container in client.containers.list(all=True, filters=label):
            with suppress(docker.errors.NotFound):
                container.remove(force=True, v=True)
        for network in client.networks.list(filters=label, greedy=True):
            for guest in network.attrs.get("Containers") or ():  # put in by hand; nothing else is done to it
                with suppress(docker.errors.NotFound):
                    network.disconnect(guest, force=True)
            with suppress(docker.errors.NotFound):
                network.remove()
    except docker.errors.DockerException as e:
        words = str(getattr(e, "explanation", None) or e)
        raise EngineError(f"{project} could not be taken down: {words}", hint="docker ps -a; docker network ls") from e
    except requests.RequestException as e:
        raise EngineError(f"the engine stopped answering: {e}", hint="is it still running? docker info") from e
