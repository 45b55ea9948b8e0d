"""The orchestrators, which turn a plan into files and run them. To add one: its folder, and a line here.

Each line gives (folder, docker, host, gpus, template, settings, *, details, note) -> Runtime.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from stackctl.orchestrators.compose import log as compose_log
from stackctl.orchestrators.compose import orchestrator as compose
from stackctl.orchestrators.swarm import log as swarm_log
from stackctl.orchestrators.swarm import runtime as swarm
from stackctl.ports.runtime import Runtime

ORCHESTRATORS: Final[MappingProxyType[str, Callable[..., Runtime]]] = MappingProxyType(
    {
        "compose": compose.runtime,
        "swarm": swarm.runtime,
    }
)
ORCHESTRATOR_LOGS: Final = (compose_log.LOG, swarm_log.LOG)
