"""The Compose projects that an engine has, and the folders that they were started in."""

from stackctl.effects.docker.client import Client, translate_errors
from stackctl.effects.docker.labels import PROJECT, WORKING_DIR, folder_of


def stack_folders(engine: Client) -> frozenset[tuple[str, str]]:
    """Return (name, folder) of every project that has containers, running or not; links in the path are resolved."""
    with translate_errors("docker ps failed"):
        found = engine.client.api.containers(all=True, filters={"label": [PROJECT, WORKING_DIR]})
    labels = [one["Labels"] for one in found]
    return frozenset((one[PROJECT], folder_of(one[WORKING_DIR])) for one in labels)
