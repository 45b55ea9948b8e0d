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
    from stackctl.orchestrators.swarm.docker_view import SwarmDocker
    from stackctl.orchestrators.swarm.machine_view import SwarmGpus, SwarmHost
    from stackctl.orchestrators.swarm.nodes_seen import NodesSeen
    from stackctl.orchestrators.swarm.orchestrator import SwarmOrchestrator

    api = Api(cast("Connected", docker))
    nodes = NodesSeen(folder, docker, settings, api, details=details, note=note)
    found = SwarmOrchestrator(folder, api, template, nodes, details=details, note=note)
    return Runtime(found, SwarmDocker(docker, api, found, nodes), SwarmHost(host, nodes), SwarmGpus(gpus, nodes))
