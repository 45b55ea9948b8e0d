"""One look at a stack in Swarm: its services, and the state of each of their tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stackctl.core.observed import ServiceState
from stackctl.orchestrators.swarm import tasks
from stackctl.orchestrators.swarm.api import Api
from stackctl.orchestrators.swarm.apply import services_of
from stackctl.orchestrators.swarm.cluster import STACK


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """services: name -> id. tasks: id -> state, for tasks of what the services are now. unplaced: those without a node.

    current: name -> the state of its newest task, or of the service itself if it has none.
    """

    services: Mapping[str, str]
    tasks: Mapping[str, ServiceState]
    unplaced: frozenset[str]
    current: Mapping[str, ServiceState]


def look(stack: str, api: Api) -> Snapshot:
    """Ask the manager. A task on this machine is inspected as any container is."""
    services = services_of(stack, api)
    if not services:
        return Snapshot(services={}, tasks={}, unplaced=frozenset(), current={})
    found = api.list("tasks", label=f"{STACK}={stack}")
    nodes = {str(node["ID"]): node for node in api.list("nodes")}
    here = str(api.info.get("Swarm", {}).get("NodeID", ""))
    states, unplaced, current = {}, set(), {}
    for name, service in services.items():
        is_replacing = tasks.is_replacing(service, found)
        for task in tasks.of_service(service, found):
            if tasks.is_current(task, service):
                states[task["ID"]] = _state(task, name, nodes, here, api, is_stuck=not is_replacing)
                if not task.get("NodeID"):
                    unplaced.add(task["ID"])
        now = tasks.current_task(service, found) if tasks.replicas(service) else None
        current[name] = states[now["ID"]] if now else tasks.stopped_state(service)
    return Snapshot(
        services={name: str(service["ID"]) for name, service in services.items()},
        tasks=states,
        unplaced=frozenset(unplaced),
        current=current,
    )


def _state(
    task: Mapping[str, Any], name: str, nodes: Mapping[str, Mapping[str, Any]], here: str, api: Api, *, is_stuck: bool
) -> ServiceState:
    known = tasks.task_state(task, name, nodes, is_stuck=is_stuck)
    if str(task.get("NodeID", "")) != here:
        return known
    known = replace(known, machine="")
    container = (task["Status"].get("ContainerStatus") or {}).get("ContainerID")
    if known.state != "running" or not container:
        return known
    inspected = api.container(container)
    return replace(inspected, name=name, image=known.image, gpu_drivers=known.gpu_drivers) if inspected else known
