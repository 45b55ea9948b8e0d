"""Remove a Compose project, or its containers that can't be started, without its files, which may be gone."""

from contextlib import suppress

from stackctl.effects.docker.client import Client, translate_errors
from stackctl.effects.docker.labels import PROJECT, SERVICE

_HINT = "Run `docker ps -a` and `docker network ls` to see what is left."


def remove(engine: Client, project: str) -> None:
    """Remove a project's containers, running or not, with their anonymous volumes, and its networks."""
    import docker.errors

    client, label = engine.client, {"label": f"{PROJECT}={project}"}
    with translate_errors(f"{project} could not be removed", _HINT):
        for container in client.containers.list(all=True, filters=label):
            with suppress(docker.errors.NotFound):
                container.remove(force=True, v=True)
        for network in client.networks.list(filters=label, greedy=True):
            for guest in network.attrs.get("Containers") or ():  # connected by hand: it is only disconnected
                with suppress(docker.errors.NotFound):
                    network.disconnect(guest, force=True)
            with suppress(docker.errors.NotFound):
                network.remove()


def remove_cut_off(engine: Client, project: str) -> tuple[str, ...]:
    """Remove a project's stopped containers of which a network is gone, and return their services.

    The engine can't start such a container. Networks are compared by id: one that was recreated is another network.
    """
    import docker.errors

    api, removed = engine.client.api, []
    with translate_errors(f"{project} could not be inspected", _HINT):
        here = {network["Id"] for network in api.networks()}
        for one in api.containers(all=True, filters={"label": f"{PROJECT}={project}"}):
            attached = ((one.get("NetworkSettings") or {}).get("Networks") or {}).values()
            wanted = {place["NetworkID"] for place in attached if place.get("NetworkID")}
            if one["State"] in {"exited", "created", "dead"} and not wanted <= here:
                with suppress(docker.errors.NotFound):
                    api.remove_container(one["Id"], v=True)
                removed.append(str(one["Labels"].get(SERVICE, "")))
    return tuple(sorted(removed))
