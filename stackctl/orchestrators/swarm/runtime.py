"""Build Swarm for a folder: the orchestrator, and the ports through which what it runs elsewhere is seen."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from stackctl.ports import Docker, Gpus, Host
from stackctl.ports.disk import Folder, Says
from stackctl.ports.runtime import Runtime

if TYPE_CHECKING:
    from stackctl.core.config.spec import Spec


def runtime(
    folder: Folder,
    docker: Docker,
    host: Host,
    gpus: Gpus,
    template: Callable[[str], str],
    settings: "Spec | None",
    *,
    details: Says,
    note: Says,
) -> Runtime:
    """Return Swarm for a folder. settings: stack.toml, where the stack is planned or rendered."""
    from stackctl.orchestrators.swarm.api import Api, Connected
    from stackctl.orchestrators.swarm.docker_view import NotLooked, SwarmDocker
    from stackctl.orchestrators.swarm.orchestrator import SwarmOrchestrator

    api = Api(cast("Connected", docker))
    found = SwarmOrchestrator(folder, api, template, settings, details=details, note=note)
    return Runtime(found, SwarmDocker(docker, api, found, NotLooked()), host, gpus)
