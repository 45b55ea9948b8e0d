"""How a container hangs in the world: its networks, and the ports that it publishes."""

from typing import Any, Protocol

from stackctl.core.stack import Publish
from stackctl.core.ways import Attached, Attachment
from stackctl.errors import EngineError


class Client(Protocol):
    """What this module needs of the engine."""

    @property
    def client(self) -> Any: ...


def attached(engine: Client, container: str) -> Attached:
    """A running container's networks and published ports, as the engine has them now."""
    import docker.errors
    import requests

    api = engine.client.api
    try:
        found = api.inspect_container(container)
        own = found["NetworkSettings"]["Networks"]
        internal = {one["Name"] for one in api.networks(names=list(own)) if one.get("Internal")} if own else set()
    except docker.errors.DockerException as e:
        words = str(getattr(e, "explanation", None) or e)
        raise EngineError(f"a container can't be looked at: {words}", hint="docker ps; docker info") from e
    except requests.RequestException as e:
        raise EngineError(f"the engine stopped answering: {e}", hint="is it still running? docker info") from e
    return Attached(
        networks=tuple(
            Attachment(network=name, address=one["IPAddress"], is_internal=name in internal)
            for name, one in own.items()
        ),
        published=tuple(
            Publish(address=bind["HostIp"], port=int(bind["HostPort"]), target=int(target.partition("/")[0]))
            for target, binds in (found["NetworkSettings"]["Ports"] or {}).items()
            for bind in binds or ()
        ),
        is_on_host=found["HostConfig"]["NetworkMode"] == "host",
    )
