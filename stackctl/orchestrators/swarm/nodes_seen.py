"""The nodes as the stack's planning sees them: what they offer, and what the last look found on each."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from stackctl.contracts.gpu_trial import GpuTrial, Inside
from stackctl.contracts.host import Cpu, Gpu
from stackctl.contracts.json_table import table_or_empty
from stackctl.contracts.node import Brings, Brought, Node, NodeReport
from stackctl.contracts.service import GpuRequest
from stackctl.core.config.section import NONE
from stackctl.core.config.swarm_spec import AUTO, Swarm
from stackctl.core.config.values import COUNT
from stackctl.core.observed import Ram
from stackctl.core.plan import plan_json
from stackctl.core.plan.stack import Plan
from stackctl.errors import EngineError, StackctlError
from stackctl.orchestrators.swarm import last_look, node_labels, nodes
from stackctl.orchestrators.swarm.api import Api
from stackctl.orchestrators.swarm.cluster import DEFAULT_KIND, Cluster, node_label
from stackctl.orchestrators.swarm.last_look import LastLook
from stackctl.ports import Docker
from stackctl.ports.disk import Folder, Says

if TYPE_CHECKING:
    from stackctl.core.config.spec import Spec


class NodesSeen:
    """One folder's view of the nodes. settings: None where only what runs is seen."""

    def __init__(
        self, folder: Folder, docker: Docker, settings: "Spec | None", api: Api, *, details: Says, note: Says
    ) -> None:
        self._folder, self._docker, self._settings, self._api = folder, docker, settings, api
        self._details, self._note = details, note
        self._listed: tuple[Node, ...] | None = None
        self._look: LastLook | None = None
        self._has_read = False

    def at(self, folder: Folder) -> "NodesSeen":
        """Return the same for another folder."""
        return NodesSeen(folder, self._docker, self._settings, self._api, details=self._details, note=self._note)

    @property
    def settings(self) -> "Spec | None":
        """Return stack.toml; None where only what runs is seen."""
        return self._settings

    @property
    def _swarm(self) -> Swarm:
        return self._settings.swarm if self._settings else Swarm()

    @property
    def _least(self) -> int:
        """Return how many GPUs gpu.devices asks for."""
        devices = self._settings.gpu.devices if self._settings else ()
        counted = next((found for one in devices if (found := COUNT.fullmatch(one))), None)
        return int(counted[1]) if counted else 1

    def refuse_unmanaged(self) -> None:
        """Raise ConfigError or EngineError unless this engine is a manager that can change the Swarm."""
        nodes.refuse_unmanaged(table_or_empty(self._api.info.get("Swarm")))

    def nodes(self) -> tuple[Node, ...]:
        """Return all nodes, asked once; raise as refuse_unmanaged() does."""
        if self._listed is None:
            self.refuse_unmanaged()
            here = str(table_or_empty(self._api.info.get("Swarm")).get("NodeID", ""))
            try:
                self._listed = nodes.parse_nodes(self._api.list("nodes"), here)
            except EngineError as e:
                raise nodes.explained(e) from e
        return self._listed

    def _known(self) -> tuple[Node, ...] | None:
        """Return all nodes; None where no manager answers, as in a rendering for another machine."""
        with suppress(StackctlError):
            return self.nodes()
        return None

    def cluster(self) -> Cluster:
        """Return the settings with what the candidates offer; as recorded if no manager answers."""
        listed = self._known()
        if listed is None:
            return self._recorded_cluster()
        candidates = nodes.choose_candidates(listed, self._swarm.nodes)
        kind = nodes.resource_kind(candidates, self._swarm.gpu_resource)
        return Cluster(
            settings=self._swarm, kind=kind, offered=nodes.offered(candidates, kind, self._least), least=self._least
        )

    def _recorded_cluster(self) -> Cluster:
        wanted, known = self._swarm.gpu_resource, self.last()
        if wanted == NONE:
            return Cluster(settings=self._swarm)
        kind = wanted if wanted != AUTO else known.kind if known else DEFAULT_KIND
        number = max(self._least, known.offered if known else 1)
        return Cluster(settings=self._swarm, kind=kind, offered=number, least=self._least)

    def last(self) -> LastLook | None:
        """Return the last look at the nodes; None if there was none."""
        if not self._has_read:
            with suppress(StackctlError):
                self._look = last_look.parse(self._folder.read(last_look.FILE, errors="replace") or "")
            self._has_read = True
        return self._look

    def ram(self) -> Ram | None:
        """Return the memory of the weakest node that passed the last look; None if there was none."""
        found, held = self.last(), self._held()
        return last_look.weakest_ram(self._able(found, held), held) if found else None

    def gpus(self) -> tuple[Gpu, ...]:
        """Return the GPUs of the weakest node that passed the last look; GPUs without a known memory before one."""
        cluster, found, held = self.cluster(), self.last(), self._held()
        seen = (
            last_look.weakest_gpus(tuple(last_look.freed(one, held) for one in self._able(found, held)))
            if found
            else ()
        )
        if seen or not cluster.kind:  # by names that are the same whichever node is the weakest, so that a choice stays
            return tuple(replace(one, uuid=last_look.shared_uuid(cluster.kind, one.index)) for one in seen)
        listed = self._known()
        is_offered = listed is None or any(one.resources.get(cluster.kind) for one in listed)
        return last_look.unknown_gpus(cluster.kind, cluster.offered) if is_offered else ()

    def _held(self) -> last_look.Held | None:
        """Return what the deployed backend was planned to take; None if nothing is deployed, or that is not known."""
        with suppress(StackctlError):
            text = self._folder.read(plan_json.FILE, errors="replace") or ""
            plan = plan_json.parse(text, PurePosixPath(self._folder.path), lambda _: "") if text else None
            if plan and plan.memory:
                fit = plan.memory.fit
                gpus = tuple(int(one.total_mib) for one in fit.devices)
                return last_look.Held(service=plan.backend, ram_mib=int(fit.host.total_mib), gpus_mib=gpus)
        return None

    def _able(self, found: LastLook, held: last_look.Held | None) -> tuple[NodeReport, ...]:
        """Return the nodes that passed; this one with the backend that it runs outside of Swarm while a stack moves."""
        if held is None or not self._runs_outside():
            return found.able
        return tuple(
            replace(one, services=(*one.services, held.service)) if one.node.is_here else one for one in found.able
        )

    def _runs_outside(self) -> bool:
        """Return whether this node runs this stack's backend without Swarm, which ends when the stack moves."""
        with suppress(StackctlError):
            text = self._folder.read(plan_json.FILE, errors="replace") or ""
            name = plan_json.name(text, PurePosixPath(self._folder.path))
            states = self._docker.states(name) if name else {}
            return any(one.state == "running" for service, one in states.items() if service != "sillytavern")
        return False

    def cpu(self, here: Cpu) -> Cpu:
        """Return what the processors of all nodes that passed have; that of this machine before a look."""
        found = self.last()
        return last_look.common_cpu(found.able, here) if found else here

    def offers_gpu(self) -> bool:
        """Return whether a backend can have a GPU: a candidate offers the resource, or a look has seen one."""
        return bool(self.gpus())

    def runs_here_alone(self) -> bool:
        """Return whether this node is the only one that passed the last look."""
        found = self.last()
        return bool(found and found.able and all(one.node.is_here for one in found.able))

    def places(self) -> tuple[str, ...]:
        """Return the names of the nodes that passed the last look, else of the candidates; "" is this node."""
        found = self.last()
        able = [one.node for one in found.able] if found else nodes.choose_candidates(self.nodes(), self._swarm.nodes)
        return tuple("" if one.is_here else one.name for one in able)

    def trial(self, request: GpuRequest) -> GpuTrial:
        """Return what the look saw of the GPUs on the weakest node that passed."""
        del request
        found = self.last()
        seen = min(found.able, key=lambda one: len(one.gpus), default=None) if found else None
        if seen is None or not (seen.gpus or seen.devices):
            return GpuTrial(drivers=("nvidia",), unseen="the nodes were not looked at yet")
        listing = tuple(f"GPU {one.index}: {one.name} (UUID: {one.uuid})" for one in seen.gpus)
        return GpuTrial(drivers=("nvidia",), inside=Inside(nodes=seen.devices, listing=listing or None))

    def subnets(self) -> tuple[IPv4Network, ...]:
        """Return the networks that the nodes have routes to, as the last look saw them."""
        found = self.last()
        texts = dict.fromkeys(one for report in (found.reports if found else ()) for one in report.subnets)
        return tuple(IPv4Network(one, strict=False) for one in texts)

    def reports(self, plan: Plan) -> tuple[NodeReport, ...]:
        """Look at each node, and return what was found, which is kept. Changes nothing on the cluster that stays."""
        found, cluster, before = self._look_at(plan), self.cluster(), self.last()
        passing = before.passing if before else {}
        self._keep(LastLook(kind=cluster.kind, offered=cluster.offered, reports=found, passing=passing))
        return found

    def _look_at(self, plan: Plan) -> tuple[NodeReport, ...]:
        from stackctl.orchestrators.swarm.look import look

        self._listed = None
        return look(plan, self.cluster(), self.nodes(), self._api, str(self._folder.path), self._details)

    def bring(self, plan: Plan, says: Brings) -> tuple[Brought, ...]:
        """Copy the model's files from here to each candidate that lacks them."""
        from stackctl.orchestrators.swarm.bring import bring

        found = self.reports(plan)
        done = bring(plan, self.cluster(), found, self._api, str(self._folder.path), says)
        self._listed = None
        return done

    def survey(self, plan: Plan) -> bool:
        """Look at each node, and label those where the backend may run; see ports/orchestrator.

        A label is only set here, and taken off when the new file is applied: what runs stays until then.
        """
        listed = self.nodes()
        node_labels.refuse_data_elsewhere(plan.name, listed, is_seen=self._docker.is_local)
        here = next(one.id for one in listed if one.is_here)
        service = plan.backend_service
        if service is None:
            node_labels.set_for_stack(self._api, plan.name, (), here)
            return False
        before, cluster = (self.ram(), self.gpus(), self.subnets()), self.cluster()
        found = self._look_at(plan)
        if not any(one.passes for one in found):
            raise _none_passes(found)
        from stackctl.orchestrators.swarm.render import node_files

        needs = last_look.needs_key(service.image, node_files(plan, service, cluster))
        self._keep(
            LastLook(
                kind=cluster.kind,
                offered=cluster.offered,
                reports=found,
                passing=last_look.remembered(self.last(), needs, found),
            )
        )
        node_labels.set_for_stack(self._api, plan.name, (one.node.id for one in found if one.passes), here)
        for one in found:
            if not one.passes:
                self._note(f"the node {one.node.name} runs no backend: {one.problem}")
        return before != (self.ram(), self.gpus(), self.subnets())

    def _keep(self, look: LastLook) -> None:
        self._folder.write(last_look.FILE, last_look.dump(look))
        self._look, self._has_read = look, True

    def settle(self, stack: str, services: Iterable[Mapping[str, Any]]) -> None:
        """Leave the label to the nodes that have what the backend needs that is applied now. services: as the API's."""
        found, label = self.last(), node_label(stack)
        for task in (one["TaskTemplate"] for one in services):
            places = table_or_empty(task.get("Placement")).get("Constraints") or ()
            if not found or not any(label in one for one in places):
                continue
            content = task["ContainerSpec"]
            sources = [one["Source"] for one in content.get("Mounts") or () if one["Type"] == "bind"]
            passing = found.passing.get(last_look.needs_key(content["Image"], sources))
            if passing is not None:
                node_labels.set_labels(self._api, label, passing, removes=True)


def _none_passes(found: tuple[NodeReport, ...]) -> EngineError:
    """Return the error if no node can run the backend: each node's reason, and what to do."""
    names: dict[tuple[str, str], list[str]] = {}
    for one in found:
        names.setdefault((one.problem, one.hint), []).append(one.node.name)
    issues = {one.issue for one in found if one.issue}
    return EngineError(
        "no node can run the backend: " + "; ".join(f"{', '.join(who)}: {why}" for (why, _), who in names.items()),
        hint="\n".join(f"{', '.join(who)}: {hint}" for (_, hint), who in names.items() if hint)
        or "Look at each node with `stackctl nodes`.",
        issue=issues.pop() if len(issues) == 1 else "swarm-no-node",
    )
