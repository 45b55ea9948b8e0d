"""The Compose projects that an engine has, and the folders that they were started in."""

import os
from typing import Any, Protocol

from stackctl.errors import EngineError

_PROJECT = "com.docker.compose.project"
_WORKING_DIR = "com.docker.compose.project.working_dir"


class Client(Protocol):
    """What this module needs of the engine."""

    @property
    def client(self) -> Any: ...


def stack_folders(engine: Client) -> frozenset[tuple[str, str]]:
    """(name, folder) of every project that has containers, running or not; links in the folder's path resolved."""
    import docker.errors
    import requests

    try:
        found = engine.client.api.containers(all=True, filters={"label": [_PROJECT, _WORKING_DIR]})
    except docker.errors.DockerException as e:
        words = str(getattr(e, "explanation", None) or e)
        raise EngineError(f"docker ps failed: {words}", hint="docker info shows whether the engine is well") from e
    except requests.RequestException as e:
        raise EngineError(f"the engine stopped answering: {e}", hint="is it still running? docker info") from e
    labels = [one["Labels"] for one in found]
    return frozenset((one[_PROJECT], os.path.realpath(one[_WORKING_DIR])) for one in labels)
