"""The orchestrators, which turn a plan into files and run them. To add one: its folder, and a line here."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from stackctl.orchestrators.compose import log as compose_log
from stackctl.orchestrators.compose.orchestrator import ComposeOrchestrator
from stackctl.ports import Orchestrator

ORCHESTRATORS: Final[MappingProxyType[str, Callable[..., Orchestrator]]] = MappingProxyType(
    {
        "compose": ComposeOrchestrator,
    }
)
ORCHESTRATOR_LOGS: Final = (compose_log.LOG,)
