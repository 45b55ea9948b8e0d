"""The engine as commands and steps see it while Swarm runs the stack: a service may run on another node."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Network
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from stackctl.contracts.cdi import CdiSeen
from stackctl.contracts.gpu_trial import GpuTrial
from stackctl.contracts.host import Owner
from stackctl.contracts.request import Request
from stackctl.contracts.service import GpuRequest
from stackctl.core.container_paths import Bind
from stackctl.core.observed import ContainerSeen, EngineSeen, EngineView, ProbeResult, ServiceState
from stackctl.core.smoke.reachability import ContainerNetworking
from stackctl.errors import EngineError
from stackctl.orchestrators.swarm import task_view
from stackctl.orchestrators.swarm.api import Api
from stackctl.orchestrators.swarm.cluster import CONTENT, FOLDER, SERVICE, STACK
from stackctl.ports import Docker
from stackctl.ports.engine import Images, Watch
from stackctl.secret import Secret

_P = ParamSpec("_P")
_R = TypeVar("_R")
_TAIL: Final = 1000
_PATIENCE_S: Final = 5.0
# an overlay may not be ready yet on this node: moby answers so once, and attaches the next time
_NOT_YET: Final = ("attaching to network failed", "could not attach to network", "context deadline exceeded")


class Runs(Protocol):
    """What the orchestrator does with a stack's services."""

    def states(self, name: str) -> dict[str, ServiceState]: ...
    def watch(self, name: str) -> Watch: ...
    def stop(self, name: str, service: str | None) -> None: ...
    def down(self, name: str, *, volumes: bool) -> None: ...


class Looked(Protocol):
    """What the last look at the nodes found of their GPUs."""

    def offers_gpu(self) -> bool: ...
    def trial(self, request: GpuRequest) -> GpuTrial: ...


class NotLooked:
    """Nodes at which nothing has looked."""

    def offers_gpu(self) -> bool:
        return False

    def trial(self, request: GpuRequest) -> GpuTrial:
        return GpuTrial(drivers=(request.driver,), unseen="the nodes were not looked at")


def _same(method: Callable[Concatenate[Docker, _P], _R]) -> "Callable[Concatenate[SwarmDocker, _P], _R]":
    """Return a method that asks this node's engine, as without Swarm."""

    def asked(view: "SwarmDocker", /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        found: _R = getattr(view.here, method.__name__)(*args, **kwargs)
        return found

    return asked


class SwarmDocker:
    """The port Docker for a stack in Swarm. `here`: this node's engine."""

    def __init__(self, here: Docker, api: Api, runs: Runs, looked: Looked) -> None:
        self.here, self._api, self._runs, self._looked = here, api, runs, looked

    @property
    def images(self) -> Images:
        return self.here.images

    @property
    def is_local(self) -> bool:
        return self.here.is_local

    @property
    def view(self) -> EngineView:
        return self.here.view

    @property
    def own_binds(self) -> tuple[Bind, ...] | None:
        return self.here.own_binds

    refuse_distant = _same(Docker.refuse_distant)
    link = _same(Docker.link)
    loading = _same(Docker.loading)
    details = _same(Docker.details)
    leftovers = _same(Docker.leftovers)
    stopped_by_restart = _same(Docker.stopped_by_restart)
    forget = _same(Docker.forget)
    refuse_foreign = _same(Docker.refuse_foreign)
    claim = _same(Docker.claim)
    content = _same(Docker.content)
    remove_container = _same(Docker.remove_container)
    remove_network = _same(Docker.remove_network)
    facts = _same(Docker.facts)
    stack_folders = _same(Docker.stack_folders)
    run_by = _same(Docker.run_by)
    mounting = _same(Docker.mounting)
    service = _same(Docker.service)
    volume_folder = _same(Docker.volume_folder)
    read_so_far = _same(Docker.read_so_far)
    addresses = _same(Docker.addresses)
    published = _same(Docker.published)
    existing = _same(Docker.existing)
    make_networks = _same(Docker.make_networks)
    read_files = _same(Docker.read_files)
    try_folder = _same(Docker.try_folder)
    gateway = _same(Docker.gateway)
    network = _same(Docker.network)
    own_network = _same(Docker.own_network)

    def look(self, compose_argv: tuple[str, ...], compose_version: tuple[int, ...]) -> EngineSeen:
        """Return the engine's features; GPUs are those that the nodes offer, and Swarm passes on none by CDI."""
        found = self.here.look(compose_argv, compose_version)
        others = tuple(one for one in found.runtimes if one != "nvidia")
        runtimes = (*others, "nvidia") if self._looked.offers_gpu() else others
        return replace(found, runtimes=runtimes, cdi_devices=())

    def cdi(self) -> CdiSeen | None:
        """Return None: Swarm passes on no device by CDI."""
        return None

    def try_gpu(self, image: str, request: GpuRequest, user: Owner | None) -> GpuTrial:
        """Return what the look at the nodes saw of a GPU in a container of the backend's image."""
        del image, user
        return self._looked.trial(request)

    def containers(self, project: str) -> tuple[ContainerSeen, ...]:
        """Return one for each service of the stack: the container of its task, or the service while it has no task."""
        states = self._runs.states(project)
        return tuple(
            ContainerSeen(
                id=states[name].container if name in states else str(one["ID"]),
                service=name,
                folder=labels.get(FOLDER, ""),
                config_hash=labels.get(CONTENT, ""),
            )
            for one, labels, name in self._services(project)
        )

    def states(self, project: str) -> dict[str, ServiceState]:
        return self._runs.states(project)

    def watch(self, project: str) -> Watch:
        return self._runs.watch(project)

    def tail(self, state: ServiceState, lines: int = _TAIL) -> tuple[str, ...]:
        """Return the last lines of the log of a task's container, on whichever node it is."""
        if not state.machine and self._api.container(state.container):
            return self.here.tail(state, lines)
        task = self._task(state.container)
        if task is None:
            return ()
        read = partial(self._api.follow_log, "tasks", str(task["ID"]), tail=str(lines), since=state.started_at)
        return task_view.last_lines(lambda: read(follow=False), lines)

    def stop(self, container_id: str, grace_s: int) -> None:
        """Stop the service of a task's container, which Swarm would start again; another container as without Swarm."""
        task = self._task(container_id)
        service = self._api.one("services", str(task["ServiceID"]) if task else container_id)
        labels = (service or {}).get("Spec", {}).get("Labels") or {}
        if STACK in labels and SERVICE in labels:
            self._runs.stop(labels[STACK], labels[SERVICE])
        else:
            self.here.stop(container_id, grace_s)

    def remove(self, project: str) -> None:
        self._runs.down(project, volumes=False)

    def remove_cut_off(self, project: str) -> tuple[str, ...]:
        """Return (): Swarm makes new containers, and starts no old one again."""
        del project
        return ()

    def subnets(self, project: str) -> tuple[tuple[IPv4Network, ...], tuple[IPv4Network, ...]]:
        """Return (subnets of other networks, subnets of this stack's networks)."""
        every, _ = self.here.subnets("")
        own = tuple(
            IPv4Network(one["Subnet"], strict=False)
            for network in self._api.list("networks", label=f"{STACK}={project}")
            for one in (network.get("IPAM") or {}).get("Config") or ()
            if ":" not in one.get("Subnet", ":")
        )
        return tuple(one for one in every if one not in own), own

    def attached(self, container: str) -> ContainerNetworking:
        """Return a container's networks and published ports; of one on another node what the manager knows."""
        task = self._task(container)
        if task and task.get("NodeID") != self._node:
            return task_view.attached(task)
        return self.here.attached(container)

    def ask(
        self,
        image: str,
        network: str,
        urls: tuple[str, ...],
        requests: tuple[Request, ...],
        key: Secret | None,
        *,
        patience_s: float = _PATIENCE_S,
    ) -> tuple[ProbeResult, ...]:
        """Ask from inside a container of this node, in whose networks an attachable overlay may be."""
        try:
            return self.here.ask(image, network, urls, requests, key, patience_s=patience_s)
        except EngineError as error:
            if not any(one in error.message for one in _NOT_YET):
                raise
        return self.here.ask(image, network, urls, requests, key, patience_s=patience_s)

    @property
    def _node(self) -> str:
        return str((self._api.info.get("Swarm") or {}).get("NodeID", ""))

    def _services(self, stack: str) -> Iterator[tuple[dict[str, Any], dict[str, str], str]]:
        """Give each service of a stack, as the API has it, with its labels and its name in the stack."""
        for one in self._api.list("services", label=f"{STACK}={stack}"):
            labels = one["Spec"].get("Labels") or {}
            yield one, labels, labels.get(SERVICE) or str(one["Spec"]["Name"]).removeprefix(f"{stack}_")

    def _task(self, container: str) -> dict[str, Any] | None:
        """Return the task that a container belongs to, or that has this id; None if there is none."""
        found = (one for one in self._api.list("tasks") if container in {one["ID"], task_view.container_of(one)})
        return next(found, None)
