"""Docker Swarm as the stack's orchestrator: write the plan as stack.yml, and apply it through the Engine API."""

from collections.abc import Callable, Mapping
from ipaddress import IPv4Network
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stackctl.contracts.service import Network
from stackctl.core.adoption.mounted import Service
from stackctl.core.observed import ServiceState
from stackctl.core.plan.change import Change
from stackctl.core.plan.stack import Plan
from stackctl.orchestrators.swarm.cluster import FILE
from stackctl.ports import Docker
from stackctl.ports.disk import Folder, Says
from stackctl.ports.engine import Watch
from stackctl.ports.orchestrator import Action, Applying

if TYPE_CHECKING:
    from stackctl.core.config.spec import Spec

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class SwarmOrchestrator:
    """One folder's stack. `settings`: None where only what runs is seen and stopped."""

    name: Final = "swarm"
    file: Final = FILE

    def __init__(
        self,
        folder: Folder,
        docker: Docker,
        template: Callable[[str], str],
        settings: "Spec | None",
        *,
        details: Says,
        note: Says,
    ) -> None:
        self._folder, self._docker, self._template, self._settings = folder, docker, template, settings
        self._details, self._note = details, note

    def at(self, folder: Folder) -> "SwarmOrchestrator":
        """Return the same for another folder."""
        return SwarmOrchestrator(
            folder, self._docker, self._template, self._settings, details=self._details, note=self._note
        )

    def edge(self) -> Network | None:
        raise NotImplementedError

    def survey(self, plan: Plan) -> bool:
        raise NotImplementedError

    def observe(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        raise NotImplementedError

    def addresses(self, name: str) -> tuple[tuple[IPv4Network, ...], tuple[IPv4Network, ...]]:
        raise NotImplementedError

    def files(self, plan: Plan, folder: PurePosixPath | None = None) -> Mapping[str, str]:
        raise NotImplementedError

    def additions(self) -> tuple[str, ...]:
        """Return (): a stack in Swarm has no override file."""
        return ()

    def services(self, file: str = "") -> tuple[Service, ...] | None:
        raise NotImplementedError

    def check(self, name: str, text: str) -> None:
        raise NotImplementedError

    def apply(
        self, name: str, service: str | None = None, *, action: Action = "apply", images: Mapping[str, str] = _NONE
    ) -> Applying:
        raise NotImplementedError

    def watch(self, name: str) -> Watch:
        raise NotImplementedError

    def states(self, name: str) -> dict[str, ServiceState]:
        raise NotImplementedError

    def changes(self, name: str, old: str, new: str) -> tuple[Change, ...]:
        raise NotImplementedError

    def logs(self, name: str, service: str | None, *, lines: str, follow: bool, out: Says, coloured: bool) -> int:
        raise NotImplementedError

    def stop(self, name: str, service: str | None) -> None:
        raise NotImplementedError

    def down(self, name: str, *, volumes: bool) -> None:
        raise NotImplementedError
