"""Docker Swarm as the stack's orchestrator: write the plan as stack.yml, and apply it through the Engine's API."""

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, Final

from stackctl.contracts.finding import CheckResult
from stackctl.contracts.node import Brings, Brought, NodeReport
from stackctl.core.adoption.mounted import Service
from stackctl.core.observed import ServiceState
from stackctl.core.plan import plan_json
from stackctl.core.plan.change import Change
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError, EngineError
from stackctl.orchestrators import rendering
from stackctl.orchestrators.changes import changes
from stackctl.orchestrators.swarm import (
    apply,
    health,
    log_lines,
    node_labels,
    refuse,
    render,
    service_spec,
    tasks,
    watch,
)
from stackctl.orchestrators.swarm.api import Api
from stackctl.orchestrators.swarm.applying import Applying, ask_for
from stackctl.orchestrators.swarm.cluster import FILE, STACK, data_label, node_label
from stackctl.orchestrators.swarm.nodes_seen import NodesSeen
from stackctl.orchestrators.swarm.states import look
from stackctl.ports.disk import Folder, Says
from stackctl.ports.engine import Watch
from stackctl.ports.orchestrator import Action

_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_GATEWAY_BRIDGE: Final = "docker_gwbridge"
_USUAL_GATEWAY: Final = "172.18.0.1"
_ABLE: Final = (99,)  # the version of a Compose that can do all that the engine can
_HAS_TMPFS_OPTIONS: Final = (28,)  # engines before know no options of a folder in memory (API 1.46: Docker 27.1)


class SwarmOrchestrator:
    """One folder's stack. `nodes`: those of the Swarm, as the stack's settings choose them."""

    name: Final = "swarm"
    title: Final = "Docker Swarm"
    file: Final = FILE
    program: Final = ""
    publishes_everywhere: Final = True  # in host mode a port has no address

    def __init__(
        self,
        folder: Folder,
        api: Api,
        template: Callable[[str], str],
        nodes: NodesSeen,
        *,
        details: Says,
        note: Says,
    ) -> None:
        self._folder, self._api, self._template, self._nodes = folder, api, template, nodes
        self._details, self._note = details, note
        self._is_asked = False  # the engine, about what can be there

    def examine(self, name: str) -> CheckResult:
        """Return what is wrong with the swarm, and with the nodes that a stack needs."""
        return health.examine(name, self._api)

    def at(self, folder: Folder) -> "SwarmOrchestrator":
        """Return the same for another folder."""
        return SwarmOrchestrator(
            folder, self._api, self._template, self._nodes.at(folder), details=self._details, note=self._note
        )

    def gateway(self) -> str:
        """Return the gateway of docker_gwbridge, through which Swarm publishes a port on this node."""
        found = next(
            (one for one in self._api.list("networks", name=_GATEWAY_BRIDGE) if one["Name"] == _GATEWAY_BRIDGE), None
        )
        configs = (found or {}).get("IPAM", {}).get("Config") or ()
        config: Mapping[str, str] = next((one for one in configs if "." in one.get("Gateway", "")), {})
        if not config:
            raise EngineError(
                f"this node has no network {_GATEWAY_BRIDGE}, through which Swarm publishes a port here",
                hint="Run `docker swarm leave` and join the swarm again, which makes that network.",
                issue="swarm-not-manager",
            )
        return str(config["Gateway"])

    def recorded_gateway(self) -> str:
        """Return docker_gwbridge's gateway as the last deploy saw it; before one the usual one, with a note."""
        place = PurePosixPath(self._folder.path)
        text = self._folder.read(plan_json.FILE, errors="replace") or ""
        if plan_json.target(text, place) == self.name and (found := plan_json.gateway(text, place)):
            return found
        self._note(
            f"no Swarm was asked: SillyTavern lets this machine in by {_USUAL_GATEWAY}, the usual gateway of "
            f"{_GATEWAY_BRIDGE}; `stackctl deploy` reads it from this node"
        )
        return _USUAL_GATEWAY

    def places(self, plan: Plan) -> tuple[str, ...]:
        """Return the nodes that passed the last look, else all that may pass one; "" is this one."""
        del plan
        return self._nodes.places()

    def starting(self) -> tuple[str, ...]:
        """Return the command that starts a complete folder: it also labels the nodes that the file names by labels."""
        return ("stackctl", "deploy")

    def removal(self, name: str) -> tuple[str, ...]:
        """Return the command that removes a stack's services and networks without stackctl."""
        return ("docker", "stack", "rm", name)

    def survey(self, plan: Plan) -> bool:
        """Look at each node where the backend may run, and label those that pass."""
        return self._nodes.survey(plan)

    def nodes(self, plan: Plan) -> tuple[NodeReport, ...]:
        """Look at each node, and return what was found."""
        return self._nodes.reports(plan)

    def bring(self, plan: Plan, says: Brings) -> tuple[Brought, ...]:
        """Copy the model's files from here to each node that lacks them."""
        return self._nodes.bring(plan, says)

    def observe(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Return ((), a version that can do all): no program is needed, Swarm is a part of the engine.

        Raises ConfigError or EngineError for an engine and for settings that Swarm can't have, and unless this node
        manages a Swarm.
        """
        refuse.refuse_engine(self._api.info)
        if settings := self._nodes.settings:
            refuse.refuse_settings(settings)
        self._nodes.refuse_unmanaged()
        if settings and (network := settings.sillytavern.proxy.network):
            refuse.refuse_proxy(network, self._api.one("networks", network))
        self._is_asked = True
        return (), _ABLE

    def addresses(self, name: str) -> tuple[tuple[IPv4Network, ...], tuple[IPv4Network, ...]]:
        """Return (subnets of other networks, subnets of this stack's networks), those of Swarm included."""
        theirs: list[IPv4Network] = []
        own: list[IPv4Network] = []
        for one in self._api.list("networks"):
            is_own = (one.get("Labels") or {}).get(STACK) == name
            for config in (one.get("IPAM") or {}).get("Config") or ():
                if "." in config.get("Subnet", ""):
                    (own if is_own else theirs).append(IPv4Network(config["Subnet"], strict=False))
        return (*theirs, *self._nodes.subnets()), tuple(own)

    def files(self, plan: Plan, folder: PurePosixPath | None = None) -> Mapping[str, str]:
        """Return name -> text of the plan's file. All paths of nodes in it are absolute.

        Raises ConfigError or EngineError for what Swarm can't have.
        """
        if settings := self._nodes.settings:
            refuse.refuse_settings(settings)
        refuse.refuse_plan(plan)
        cluster, place = self._nodes.cluster(), folder or PurePosixPath(self._folder.path)
        if self._is_asked:
            refuse.refuse_old_manager(self._api.info, plan, cluster)
        return {self.file: render.render(plan, cluster, place, self._template)}

    def additions(self) -> tuple[str, ...]:
        """Return (): a stack in Swarm has no override file."""
        return ()

    def services(self, file: str = "") -> tuple[Service, ...] | None:
        """Return None: what somebody else has in Swarm is not taken over."""
        del file
        return None

    def check(self, name: str, text: str) -> None:
        """Raise ConfigError for a text that can't be applied."""
        folder = PurePosixPath(self._folder.path)
        service_spec.convert(name, render.parse(text), None, folder=folder, tmpfs_options=True)

    def apply(
        self, name: str, service: str | None = None, *, action: Action = "apply", images: Mapping[str, str] = _NONE
    ) -> Applying:
        """Apply the file, or start or restart what exists; for all services, or for one.

        A start changes no existing service, and makes what is missing. `images`: service -> the id of the image that it
        runs instead of the one in the file, if it runs on this node.
        """
        wanted = self._wanted(name)
        self._nodes.settle(name, wanted.services.values())
        if service and service not in wanted.services:
            raise ConfigError(
                f"{self.file} has no service {service}",
                hint="Run `stackctl deploy`, which writes the file again.",
                issue="own-file-damaged",
            )
        here = f"node.labels.{data_label(name)} == true"
        for one, body in wanted.services.items():  # another node has no image by the id that it has here
            if one in images and here in body["TaskTemplate"]["Placement"]["Constraints"]:
                body["TaskTemplate"]["ContainerSpec"]["Image"] = images[one]
        node_labels.set_labels(self._api, data_label(name), [str(self._api.info["Swarm"]["NodeID"])], removes=False)
        follows = watch.Watch(self._api, lambda: look(name, self._api))
        try:
            kept = ask_for(wanted, name, service, action, self._api, self._details)
        except BaseException:
            follows.close()
            raise
        asked = {one: apply.asked_hash(body) for one, body in wanted.services.items() if service in {None, one}}
        follows.applied(asked if action == "apply" else {}, kept)
        return Applying(name, self._api, follows)

    def _wanted(self, name: str) -> service_spec.Wanted:
        text = self._folder.read(self.file)
        if not text:
            raise ConfigError(
                f"there is no {self.file} in {self._folder.path}, or it is empty",
                hint="Run `stackctl deploy` to write it again.",
                issue="own-file-damaged",
            )
        return self._converted(name, text)

    def _converted(self, name: str, text: str, *, reads: bool = True) -> service_spec.Wanted:
        return service_spec.convert(
            name,
            render.parse(text),
            self._read if reads else None,
            folder=PurePosixPath(self._folder.path),
            tmpfs_options=_version(self._api.info) >= _HAS_TMPFS_OPTIONS,
        )

    def _read(self, path: str) -> bytes:
        """Return the content of a file that stack.yml names; raise ConfigError if it is missing."""
        found = self._folder.read_bytes(path.removeprefix("./"))
        if found is None:
            raise ConfigError(
                f"{path}, which {self.file} names, is missing in {self._folder.path}",
                hint="Run `stackctl deploy` to write it again.",
                issue="own-file-damaged",
            )
        return found

    def watch(self, name: str) -> Watch:
        """Watch the stack from now on."""
        return watch.Watch(self._api, lambda: look(name, self._api))

    def states(self, name: str) -> dict[str, ServiceState]:
        """Return the state of every service's newest task now."""
        return dict(look(name, self._api).current)

    def changes(self, name: str, old: str, new: str) -> tuple[Change, ...]:
        """Return the change of each service if the file's text `new` replaces `old`."""
        seen = apply.services_seen(name, self._api)
        wanted = self._converted(name, new, reads=False).services
        return changes(
            seen,
            self.states(name),
            {key: apply.asked_hash(body) for key, body in wanted.items()},
            rendering.services(old, self.file),
            rendering.services(new, self.file),
            otherwise="changed: by hand, or by an unfinished deploy",
        )

    def logs(self, name: str, service: str | None, *, lines: str, follow: bool, out: Says, coloured: bool) -> int:
        """Pass on the logs of all tasks, line by line, each with its service's name and node; return 0."""
        nodes = {str(node["ID"]): tasks.machine(node) for node in self._api.list("nodes")}
        found = {
            key: str(one["ID"]) for key, one in apply.services_of(name, self._api).items() if service in {None, key}
        }
        log_lines.pass_on(found, nodes, self._api, tail=lines, follow=follow, out=out, coloured=coloured)
        return 0

    def stop(self, name: str, service: str | None) -> None:
        """Let all services or one have no task, and wait until their containers have ended; nothing is removed."""
        found = apply.services_of(name, self._api)
        stopping = [one for key, one in found.items() if service in {None, key}]
        for one in stopping:
            apply.scale(one["ID"], 0, self._api)
        apply.wait_until_ended([one["ID"] for one in stopping], self._api)

    def down(self, name: str, *, volumes: bool) -> None:
        """Remove services, networks, secrets and configs; with `volumes` also the volumes of this node."""
        apply.remove_services(name, self._api)
        apply.remove_networks(name, self._api)
        apply.remove_unused(name, self._api)
        for label in (node_label(name), data_label(name)):
            node_labels.set_labels(self._api, label, (), removes=True)
        if volumes:
            apply.remove_volumes(name, self._api)


def _version(info: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", str(info.get("ServerVersion", "")))[:3])
