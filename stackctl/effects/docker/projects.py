"""The Compose projects that an engine has, and the folders that they were started in."""

import os

from stackctl.effects.docker.client import Client, translate_errors

_PROJECT = "com.docker.compose.project"
_WORKING_DIR = "com.docker.compose.project.working_dir"


def stack_folders(engine: Client) -> frozenset[tuple[str, str]]:
    """Return (name, folder) of every project that has containers, running or not; links in the path are resolved."""
    with translate_errors("docker ps failed"):
        found = engine.client.api.containers(all=True, filters={"label": [_PROJECT, _WORKING_DIR]})
    labels = [one["Labels"] for one in found]
    return frozenset((one[_PROJECT], os.path.realpath(one[_WORKING_DIR])) for one in labels)
