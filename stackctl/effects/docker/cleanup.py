"""Taking a whole Compose project off the engine, without its files: they may be gone."""

from contextlib import suppress

from stackctl.effects.docker.client import Client, translate_errors

_PROJECT = "com.docker.compose.project"


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
