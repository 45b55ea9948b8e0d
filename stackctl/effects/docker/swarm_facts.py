"""What a manager says of its swarm and of a stack, for a report: those fields alone that help to find a fault.

No host name, no address, no environment, command or label: nodes are numbered, and secrets and configs only counted.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from stackctl.effects.docker.client import Informed, translate_errors
from stackctl.effects.docker.labels import STACK

_MOST: Final = 30  # tasks, the newest first
_LONGEST: Final = 500  # characters of an error
_MOUNT: Final = ("Type", "Source", "Target", "ReadOnly")


def swarm_facts(engine: Informed, stack: str) -> dict[str, Any]:
    """Return the swarm, its nodes, and the services and tasks of a stack ("": none); {} without a swarm."""
    swarm = engine.info.get("Swarm") or {}
    if swarm.get("LocalNodeState", "inactive") == "inactive":
        return {}
    spec = (swarm.get("Cluster") or {}).get("Spec") or {}
    found: dict[str, Any] = {
        "state": swarm.get("LocalNodeState"),
        "is_manager": bool(swarm.get("ControlAvailable")),
        "error": str(swarm.get("Error") or "")[:_LONGEST],
        "heartbeat": (spec.get("Dispatcher") or {}).get("HeartbeatPeriod"),
        "nodes": swarm.get("Nodes"),
        "managers": swarm.get("Managers"),
    }
    if not swarm.get("ControlAvailable"):
        return found
    api: Any = engine.client.api
    with translate_errors("docker node ls failed"):
        listed = api.nodes()
        label = {"label": f"{STACK}={stack}"}
        services = api.services(filters=label) if stack else []
        tasks = api.tasks(filters=label) if stack else []
        counts = {"secrets": len(api.secrets(filters=label)), "configs": len(api.configs(filters=label))}
    numbers = {one["ID"]: f"node {number}" for number, one in enumerate(listed, start=1)}
    names = {one["ID"]: str(one["Spec"].get("Name")) for one in services}
    tasks = sorted(tasks, key=lambda one: str(one.get("CreatedAt")), reverse=True)[:_MOST]
    return {
        **found,
        "nodes": [_node(one, numbers, here=str(swarm.get("NodeID"))) for one in listed],
        "services": [_service(one) for one in services],
        "tasks": [_task(one, names, numbers, {one["ID"]: _host(one) for one in listed}) for one in tasks],
        **(counts if stack else {}),
    }


def _node(one: Mapping[str, Any], numbers: Mapping[str, str], *, here: str) -> dict[str, Any]:
    spec, about, status = one.get("Spec") or {}, one.get("Description") or {}, one.get("Status") or {}
    return {
        "node": numbers[one["ID"]],
        "is_here": one["ID"] == here,
        "role": spec.get("Role"),
        "availability": spec.get("Availability"),
        "state": status.get("State"),
        "platform": about.get("Platform"),
        "engine": (about.get("Engine") or {}).get("EngineVersion"),
        "resources": [*_kinds((about.get("Resources") or {}).get("GenericResources") or ())],
        "labels": sorted(name for name in spec.get("Labels") or () if name.startswith("stackctl.")),
    }


def _kinds(resources: Any) -> Iterator[str]:
    """Give the kinds of a node's resources. Not their values, which are the serial numbers of its GPUs."""
    for one in resources:
        named = one.get("NamedResourceSpec") or one.get("DiscreteResourceSpec") or {}
        yield str(named.get("Kind"))


def _service(one: Mapping[str, Any]) -> dict[str, Any]:
    spec = one.get("Spec") or {}
    task = spec.get("TaskTemplate") or {}
    container = task.get("ContainerSpec") or {}
    return {
        "name": spec.get("Name"),
        "mode": spec.get("Mode"),
        "endpoint": (spec.get("EndpointSpec") or {}).get("Mode"),
        "ports": (spec.get("EndpointSpec") or {}).get("Ports"),
        "image": container.get("Image"),
        "user": container.get("User"),
        "read_only": container.get("ReadOnly"),
        "privileges": container.get("Privileges"),
        "mounts": [{key: mount.get(key) for key in _MOUNT} for mount in container.get("Mounts") or ()],
        "resources": task.get("Resources"),
        "placement": task.get("Placement"),
        "restart": task.get("RestartPolicy"),
        "update": {key: (one.get("UpdateStatus") or {}).get(key) for key in ("State", "Message")},
    }


def _host(node: Mapping[str, Any]) -> str:
    return str((node.get("Description") or {}).get("Hostname") or "")


def _task(
    one: Mapping[str, Any], names: Mapping[str, str], numbers: Mapping[str, str], hosts: Mapping[str, str]
) -> dict[str, Any]:
    status, node = one.get("Status") or {}, str(one.get("NodeID") or "")
    error = str(status.get("Err") or "")[:_LONGEST]
    for place, host in hosts.items():
        error = error.replace(host, numbers[place]) if host else error
    return {
        "service": names.get(str(one.get("ServiceID"))),
        "node": numbers.get(node),
        "state": status.get("State"),
        "wanted": one.get("DesiredState"),
        "at": status.get("Timestamp"),
        "error": error,
        "exit_code": (status.get("ContainerStatus") or {}).get("ExitCode"),
    }
