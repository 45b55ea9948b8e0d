"""Taking a Compose project, or what of it can't be started, off the engine, without its files: they may be gone."""

from contextlib import suppress

from stackctl.effects.docker.client import Client, translate_errors

_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"


def remove(engine: Client, project: str) -> None:
    """Remove a project's containers, running or not, with their anonymous volumes, and its networks."""
    import docker.errors

    client, label = engine.client, {"label": f"{_PROJECT}={project}"}
    with translate_errors(f"{project} could not be taken down", "docker ps -a; docker network ls"):
        for container in client.containers.list(all=True, filters=label):
            with suppress(docker.errors.NotFound):
                container.remove(force=True, v=True)
        for network in client.networks.list(filters=label, greedy=True):
            for guest in network.attrs.get("Containers") or ():  # put in by hand; nothing else is done to it
                with suppress(docker.errors.NotFound):
                    network.disconnect(guest, force=True)
            with suppress(docker.errors.NotFound):
                network.remove()


def remove_cut_off(engine: Client, project: str) -> tuple[str, ...]:
    """Remove a project's stopped containers that a network has been removed from: the engine starts none of them.

    Returns their services. The network's name alone does not tell: one that was made anew is another network.
    """
    import docker.errors

    api, removed = engine.client.api, []
    with translate_errors(f"{project} could not be looked at", "docker ps -a; docker network ls"):
        here = {network["Id"] for network in api.networks()}
        for one in api.containers(all=True, filters={"label": f"{_PROJECT}={project}"}):
            attached = ((one.get("NetworkSettings") or {}).get("Networks") or {}).values()
            wanted = {place["NetworkID"] for place in attached if place.get("NetworkID")}
            if one["State"] in {"exited", "created", "dead"} and not wanted <= here:
                with suppress(docker.errors.NotFound):
                    api.remove_container(one["Id"], v=True)
                removed.append(str(one["Labels"].get(_SERVICE, "")))
    return tuple(sorted(removed))
