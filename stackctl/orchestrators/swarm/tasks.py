"""The tasks of a stack's services as states of services. Nothing here asks the engine.

A task is one try to run a service's container on one node; Swarm makes the next one if it ends.
https://docs.docker.com/engine/swarm/how-swarm-mode-works/swarm-task-states/
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from stackctl.core.observed import ServiceState
from stackctl.orchestrators.swarm.cluster import SERVICE
from stackctl.terminal import shown_in_line

_ENDED: Final = frozenset({"complete", "shutdown", "failed", "rejected", "orphaned", "remove"})
_WANTED: Final = frozenset({"running", "ready", "accepted"})  # the desired states of a task that shall run
_LONGEST: Final = 500  # characters of what a node says


def service_name(service: Mapping[str, Any]) -> str:
    """Return a service's name in stack.yml."""
    spec = service["Spec"]
    return str(spec.get("Labels", {}).get(SERVICE) or spec["Name"])


def of_service(service: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return a service's tasks, the newest first."""
    own = (task for task in tasks if task["ServiceID"] == service["ID"])
    return sorted(own, key=lambda task: str(task.get("CreatedAt", "")), reverse=True)


def replicas(service: Mapping[str, Any]) -> int:
    """Return how many tasks a service shall have."""
    return int(service["Spec"].get("Mode", {}).get("Replicated", {}).get("Replicas", 0))


def is_current(task: Mapping[str, Any], service: Mapping[str, Any]) -> bool:
    """Return whether a task was made from what the service is now, and not from what it was before an update."""
    wanted, has = service["Spec"]["TaskTemplate"], task.get("Spec", {})
    same = ("ContainerSpec", "Resources", "Placement")
    return all(has.get(part) == wanted.get(part) for part in same) and has.get("ForceUpdate", 0) == wanted.get(
        "ForceUpdate", 0
    )


def current_task(service: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the newest task of what a service is now; None if there is none yet, or the service was stopped."""
    own = [task for task in of_service(service, tasks) if is_current(task, service)]
    wanted = [task for task in own if task.get("DesiredState") in _WANTED]
    return next(iter(wanted or own), None)


def is_replacing(service: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether an older task still has the port or the GPU: a new one that waits for it is not stuck."""
    own = of_service(service, tasks)
    return any(task.get("DesiredState") not in _WANTED and task["Status"]["State"] not in _ENDED for task in own)


def task_state(
    task: Mapping[str, Any], name: str, nodes: Mapping[str, Mapping[str, Any]], *, is_stuck: bool = True
) -> ServiceState:
    """Return a task as the state of its service, as far as the manager knows it.

    nodes: by id, as the API lists them. is_stuck: whether a task without a node will not get one by itself.
    """
    status = task["Status"]
    node = nodes.get(str(task.get("NodeID", "")), {})
    state, health, error = _state(status["State"]), "", ""
    container = status.get("ContainerStatus") or {}
    code = int(container.get("ExitCode") or 0)
    if state == "running":
        health = "healthy" if status["State"] == "running" else "starting"
        if _state_of(node) not in {"", "ready"}:  # what ran there is out of reach, and Swarm makes another
            state, health, error = "dead", "", f"its node {machine(node)} is {_state_of(node)}"
    elif status["State"] == "rejected" or (status["State"] == "pending" and is_stuck):
        error = shown_in_line(str(status.get("Err") or ""))[:_LONGEST]
    elif status["State"] == "failed":
        error = shown_in_line(str(status.get("Err") or ""))[:_LONGEST]
        code = code or 1
    return ServiceState(
        name=name,
        container=str(container.get("ContainerID") or task["ID"]),
        state=state,
        health=health,
        exit_code=code,
        error=error,
        image=str(task["Spec"].get("ContainerSpec", {}).get("Image", "")),
        started_at=_seconds(str(status.get("Timestamp", ""))) if state in {"running", "exited", "dead"} else 0.0,
        machine=machine(node),
        gpu_drivers=gpu_drivers(task["Spec"]),
    )


def gpu_drivers(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what gives a task its GPUs: the node's default runtime, for a reserved one or by the task's variables."""
    reserved = (spec.get("Resources") or {}).get("Reservations") or {}
    asks = any(one.startswith("NVIDIA_VISIBLE_DEVICES=") for one in spec.get("ContainerSpec", {}).get("Env") or ())
    return ("nvidia",) if asks or reserved.get("GenericResources") else ()


def stopped_state(service: Mapping[str, Any]) -> ServiceState:
    """Return the state of a service that was stopped, or has no task yet."""
    return ServiceState(
        name=service_name(service),
        container=str(service["ID"]),
        state="exited" if replicas(service) == 0 else "created",
        image=str(service["Spec"]["TaskTemplate"].get("ContainerSpec", {}).get("Image", "")),
    )


def machine(node: Mapping[str, Any]) -> str:
    """Return a node's host name; "" if it is unknown."""
    return shown_in_line(str(node.get("Description", {}).get("Hostname", "")))[:64]


def _state_of(node: Mapping[str, Any]) -> str:
    return str(node.get("Status", {}).get("State", ""))


def _state(of_task: str) -> str:
    """Return a task's state as that of a container."""
    if of_task in {"starting", "running"}:
        return "running"
    if of_task in {"complete", "shutdown", "failed"}:
        return "exited"
    return "dead" if of_task in {"orphaned", "remove"} else "created"


def _seconds(text: str) -> float:
    """Return a time of the API in seconds since the epoch; 0.0 if it is none."""
    try:
        return datetime.fromisoformat(f"{text[:19]}+00:00").timestamp()
    except ValueError:
        return 0.0
