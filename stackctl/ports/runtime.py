"""What an orchestrator brings: itself, and the ports through which what it runs is seen."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stackctl.ports import Docker, Gpus, Host, Orchestrator
from stackctl.ports.disk import Folder

if TYPE_CHECKING:
    from stackctl.core.config.spec import Spec


@dataclass(frozen=True)
class Runtime:
    """An orchestrator, and the ports through which what it runs is seen: where it runs, how it ends, what it uses."""

    orchestrator: Orchestrator
    docker: Docker
    host: Host
    gpus: Gpus


Switch = Callable[[Folder, str, "Spec | None"], Runtime]  # (folder, a key in ORCHESTRATORS, the settings if known)
