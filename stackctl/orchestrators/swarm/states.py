"""One look at a stack in Swarm: its services, and the state of each of their tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stackctl.core.observed import ServiceState
from stackctl.orchestrators.swarm import tasks
from stackctl.orchestrators.swarm.api import Api
from stackctl.orchestrators.swarm.apply import services_of
from stackctl.orchestrators.swarm.cluster import STACK


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What the manager knew of a stack at one moment.

    services: name -> what the API says of it. tasks: id -> state, for tasks of what the services are now, the newest of
    each first. unplaced: those without a node. rejected: those that a node refused. lost: those on a node that is down,
    and those that Swarm ended itself.
    current: name -> the state of its newest task, or of the service itself if it has none.
    """

    services: Mapping[str, Mapping[str, Any]]
    tasks: Mapping[str, ServiceState]
    unplaced: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    current: Mapping[str, ServiceState]


def look(stack: str, api: Api) -> Snapshot:
    """Ask the manager. A task on this machine is inspected as any container is."""
    services = services_of(stack, api)
    if not services:
        return Snapshot(services={}, tasks={}, current={})
    found = api.list("tasks", label=f"{STACK}={stack}")
    nodes = {str(node["ID"]): node for node in api.list("nodes")}
    here = str(api.info.get("Swarm", {}).get("NodeID", ""))
    own = [task for one in services.values() for task in tasks.of_service(one, found) if tasks.is_current(task, one)]
    states, current = {}, {}
    for name, service in services.items():
        is_replacing = tasks.is_replacing(service, found)
        for task in tasks.of_service(service, own):
            states[task["ID"]] = _state(task, name, nodes, here, api, is_stuck=not is_replacing)
        now = tasks.current_task(service, own) if tasks.replicas(service) else None
        current[name] = _with_restarts(states[now["ID"]], service, own) if now else tasks.stopped_state(service)
    return Snapshot(
        services=services,
        tasks=states,
        unplaced=frozenset(task["ID"] for task in own if not task.get("NodeID")),
        rejected=frozenset(task["ID"] for task in own if task["Status"]["State"] == "rejected"),
        lost=frozenset(task["ID"] for task in own if tasks.is_out_of_reach(task, nodes) or tasks.was_taken_away(task)),
        current=current,
    )


def _with_restarts(state: ServiceState, service: Mapping[str, Any], own: Sequence[Mapping[str, Any]]) -> ServiceState:
    """Return the state with the number of earlier tasks that failed, as far as Swarm remembers them."""
    failed = sum(task["Status"]["State"] == "failed" for task in tasks.of_service(service, own))
    return replace(state, restarts=failed - (state.state == "exited" and failed > 0))


def _state(
    task: Mapping[str, Any], name: str, nodes: Mapping[str, Mapping[str, Any]], here: str, api: Api, *, is_stuck: bool
) -> ServiceState:
    known = tasks.task_state(task, name, nodes, is_stuck=is_stuck)
    if str(task.get("NodeID", "")) != here:
        return known
    known = replace(known, machine="")
    container = (task["Status"].get("ContainerStatus") or {}).get("ContainerID")
    if known.state not in {"running", "exited"} or not container:
        return known
    inspected = api.container(container)
    if inspected is None:
        return known
    drivers = inspected.gpu_drivers or known.gpu_drivers
    error = known.error or inspected.error
    return replace(inspected, name=name, image=known.image, gpu_drivers=drivers, error=error)
