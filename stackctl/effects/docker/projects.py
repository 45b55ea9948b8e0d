"""The Compose projects that an engine has, and the folders that they were started in."""

import os
from typing import Final

from stackctl.effects.docker.client import Client, translate_errors

_PROJECT = "com.docker.compose.project"
_WORKING_DIR = "com.docker.compose.project.working_dir"
_LONGEST: Final = 4096  # characters of a path: PATH_MAX on Linux


def stack_folders(engine: Client) -> frozenset[tuple[str, str]]:
    """Return (name, folder) of every project that has containers, running or not; links in the path are resolved.

    Whoever starts a container writes its labels: one that is no path of this machine is returned as it is, but cut.
    """
    with translate_errors("docker ps failed"):
        found = engine.client.api.containers(all=True, filters={"label": [_PROJECT, _WORKING_DIR]})
    labels = [one["Labels"] for one in found]
    return frozenset((one[_PROJECT], _resolved(one[_WORKING_DIR][:_LONGEST])) for one in labels)


def _resolved(label: str) -> str:
    return os.path.realpath(label) if label.startswith("/") and "\0" not in label else label
