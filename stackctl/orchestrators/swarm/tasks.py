"""The tasks of a stack's services as states of services. Nothing here asks the engine.

A task is one try to run a service's container on one node; Swarm makes the next one if it ends.
https://docs.docker.com/engine/swarm/how-swarm-mode-works/swarm-task-states/
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from stackctl.core.observed import ServiceState
from stackctl.orchestrators.swarm.cluster import SERVICE
from stackctl.terminal import shown_in_line

_ENDED: Final = frozenset({"complete", "shutdown", "failed", "rejected", "orphaned", "remove"})
_ALIVE: Final = frozenset({"assigned", "accepted", "preparing", "ready", "starting", "running"})
_WANTED: Final = frozenset({"running", "ready", "accepted"})  # the desired states of a task that shall run
_LONGEST: Final = 500  # characters of what a node says
_OUT_OF_REACH: Final = frozenset({"down", "disconnected"})  # a manager that has just started knows no node's state yet
_PLAIN_END: Final = re.compile(r"task: non-zero exit \(\d+\)")
_VISIBLE: Final = "NVIDIA_VISIBLE_DEVICES="


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


def was_taken_away(task: Mapping[str, Any]) -> bool:
    """Return whether Swarm itself ended a task, such as one on a node that was drained: it makes another elsewhere."""
    return task["Status"]["State"] in {"shutdown", "orphaned", "remove"}


def runs(task: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether a task has, or may yet get, a container on a node that is in reach."""
    return task["Status"]["State"] in _ALIVE and not is_out_of_reach(task, nodes)


def is_out_of_reach(task: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether a task's node is down: what the manager knows of the task is what it was before."""
    return _state_of(nodes.get(str(task.get("NodeID", "")), {})) in _OUT_OF_REACH


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
    if state == "running" and is_out_of_reach(task, nodes):  # Swarm makes another one elsewhere
        state, error = "dead", f"its node {machine(node)} is {_state_of(node)}"
    elif state == "running":
        is_known = _state_of(node) in {"", "ready"}
        health = "healthy" if status["State"] == "running" and is_known else "starting"
    elif status["State"] == "rejected" or (status["State"] == "pending" and is_stuck):
        error = said_by_node(status, machine(node))
    elif status["State"] == "failed":
        error, code = _why_it_ended(status, code, machine(node)), code or 1
    return ServiceState(
        name=name,
        container=str(container.get("ContainerID") or task["ID"]),
        state=state,
        health=health,
        exit_code=code,
        error=error,
        image=str(task["Spec"].get("ContainerSpec", {}).get("Image", "")),
        # the time of a state would hide the log from before it
        started_at=_seconds(str(task.get("CreatedAt", ""))) if state in {"running", "exited", "dead"} else 0.0,
        gpu_drivers=("nvidia",) if _has_gpu(task) else (),
        machine=machine(node),
    )


def said_by_node(status: Mapping[str, Any], at: str) -> str:
    """Return why a task does not run, in one line, with the node that says so; "" if nothing is said."""
    says = shown_in_line(str(status.get("Err") or ""))[:_LONGEST]
    return f"{says} (node {at})" if says and at else says


def _why_it_ended(status: Mapping[str, Any], code: int, at: str) -> str:
    """Return why a task ended; "" if its exit code is all that is known."""
    if "unhealthy container" in str(status.get("Err")):
        return f"its health check failed, so Swarm ended it (exit code {code})"
    return "" if _PLAIN_END.fullmatch(str(status.get("Err"))) else said_by_node(status, at)


def _has_gpu(task: Mapping[str, Any]) -> bool:
    """Return whether a task's node gives it a GPU: by a resource that it reserves, or by the runtime's variable."""
    reserved = (task["Spec"].get("Resources") or {}).get("Reservations") or {}
    asks = task["Spec"].get("ContainerSpec", {}).get("Env") or ()
    says = (one.removeprefix(_VISIBLE) for one in asks if one.startswith(_VISIBLE))
    return bool(reserved.get("GenericResources")) or any(one not in {"", "none", "void"} for one in says)


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
