"""Bring Swarm's networks, secrets, configs and services to what stack.yml asks for."""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from stackctl.core.observed import ContainerSeen
from stackctl.errors import EngineError
from stackctl.orchestrators.swarm import tasks
from stackctl.orchestrators.swarm.api import Api, Kind
from stackctl.orchestrators.swarm.cluster import FOLDER, STACK
from stackctl.orchestrators.swarm.service_spec import Wanted
from stackctl.orchestrators.swarm.tasks import service_name
from stackctl.ports.disk import Says

ASKED: Final = "stackctl.spec"  # of a service: the hash of what was asked for
_TRIES: Final = 5  # of an update that another one overtook
_PAUSE_S: Final = 0.5
_UPDATING: Final = frozenset({"updating", "rollback_started"})
_UPDATE_TRIES: Final = 60  # an update may be taken back for 20 s after its task is healthy
_END_TRIES: Final = 80  # containers have 10 s to end, and an agent some more to tell
_CARRIED: Final[tuple[tuple[Kind, str], ...]] = (("secrets", "Secret"), ("configs", "Config"))


def services_of(stack: str, api: Api) -> dict[str, dict[str, Any]]:
    """Return the stack's services, by their names in stack.yml."""
    return {service_name(one): one for one in api.list("services", label=f"{STACK}={stack}")}


def services_seen(stack: str, api: Api) -> tuple[ContainerSeen, ...]:
    """Return the stack's services with the hash of what was asked of each."""
    found = services_of(stack, api)
    labels = {name: one["Spec"].get("Labels") or {} for name, one in found.items()}
    return tuple(
        ContainerSeen(
            id=str(one["ID"]),
            service=name,
            folder=str(labels[name].get(FOLDER, "")),
            config_hash=str(labels[name].get(ASKED, "")),
        )
        for name, one in found.items()
    )


def apply(stack: str, wanted: Wanted, api: Api, details: Says, *, removes: bool = True) -> tuple[str, ...]:
    """Make what is missing, change what differs, and, if it `removes`, remove services that are not wanted any more.

    Return the names of the services that are as wanted, and are left alone. Raises EngineError with the engine's words.
    """
    _make_networks(stack, wanted, api, details)
    ids = _make_carried(wanted, api, details)
    found = services_of(stack, api)
    for name, service in found.items():
        if removes and name not in wanted.services:
            details(f"removing the service {service['Spec']['Name']}")
            api.remove("services", service["ID"])
    kept = []
    for name, body in wanted.services.items():
        spec = with_ids(body, ids)
        asked = asked_hash(body)
        spec["Labels"] = {**spec["Labels"], ASKED: asked}
        if name not in found:
            details(f"creating the service {spec['Name']}")
            api.create("services", spec)
        elif found[name]["Spec"]["Labels"].get(ASKED) != asked or not _runs(found[name], spec):
            details(f"updating the service {spec['Name']}")
            force = found[name]["Spec"]["TaskTemplate"].get("ForceUpdate", 0)
            spec["TaskTemplate"] = {**spec["TaskTemplate"], "ForceUpdate": force}
            update(found[name]["ID"], api, lambda _, new=spec: new)
        else:
            kept.append(name)
    return tuple(kept)


def asked_hash(body: Mapping[str, Any]) -> str:
    """Return the hash of what is asked of a service; the names of its secrets stand for their contents."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def _runs(service: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    return bool(service["Spec"]["Mode"] == spec["Mode"])


def update(service: str, api: Api, change: Any) -> None:
    """Change a service's spec; `change` returns the new one for the present one. Tried again if others change it."""
    for left in reversed(range(_TRIES)):
        found = api.one("services", service)
        if found is None:
            return
        try:
            api.update("services", service, found["Version"]["Index"], change(found["Spec"]))
        except EngineError as error:
            if not left or "out of sequence" not in error.message:
                raise
        else:
            return


def scale(service: str, count: int, api: Api, *, again: bool = False) -> None:
    """Let a service have so many tasks. again: with new ones, even if some run."""

    def change(spec: Mapping[str, Any]) -> dict[str, Any]:
        template = dict(spec["TaskTemplate"])
        if again:
            template["ForceUpdate"] = template.get("ForceUpdate", 0) + 1
        return {**spec, "TaskTemplate": template, "Mode": {"Replicated": {"Replicas": count}}}

    update(service, api, change)


def with_ids(body: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """Return a service's spec with the ids of its secrets and configs. ids: by kind and name, as in Secret/NAME."""
    template = body["TaskTemplate"]
    container = dict(template["ContainerSpec"])
    for _, kind in _CARRIED:
        if uses := container.get(f"{kind}s"):
            container[f"{kind}s"] = [{**use, f"{kind}ID": ids[f"{kind}/{use[f'{kind}Name']}"]} for use in uses]
    return {**body, "TaskTemplate": {**template, "ContainerSpec": container}}


def remove_unused(stack: str, api: Api) -> None:
    """Remove the stack's secrets and configs that no service uses, nor would use again after a rollback by Swarm.

    An old secret is waited for while Swarm may still take an update back; an old config stays until the next time.
    """
    unused: list[tuple[Kind, str]] = []
    is_settled = False
    for _ in range(_UPDATE_TRIES):
        services = services_of(stack, api).values()
        unused = [
            (kind, str(one["ID"])) for kind, title in _CARRIED for one in _unused(stack, kind, title, services, api)
        ]
        is_settled = not any((one.get("UpdateStatus") or {}).get("State") in _UPDATING for one in services)
        if is_settled or not any(kind == "secrets" for kind, _ in unused):
            break
        time.sleep(_PAUSE_S)
    for kind, number in unused if is_settled else ():
        with suppress(EngineError):  # a task that ends still uses it; the next start removes it
            api.remove(kind, number)


def _unused(
    stack: str, kind: Kind, title: str, services: Iterable[Mapping[str, Any]], api: Api
) -> Iterator[Mapping[str, Any]]:
    used = {
        use[f"{title}ID"]
        for one in services
        for use in one["Spec"]["TaskTemplate"]["ContainerSpec"].get(f"{title}s") or ()
    }
    return (one for one in api.list(kind, label=f"{STACK}={stack}") if one["ID"] not in used)


def _make_networks(stack: str, wanted: Wanted, api: Api, details: Says) -> None:
    """Make the stack's networks; one that differs is made again, after the services in it were removed."""
    for name, body in wanted.networks.items():
        found = next((one for one in api.list("networks", name=name) if one["Name"] == name), None)
        if found is not None:
            if _is_same(found, body):
                continue
            details(f"recreating the network {name}, and with it all services of the stack")
            remove_services(stack, api)
            remove_networks(stack, api)
        details(f"creating the network {name}")
        api.create("networks", body)


def _is_same(found: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    subnets = [one.get("Subnet") for one in (found.get("IPAM") or {}).get("Config") or ()]
    wanted = [one["Subnet"] for one in body["IPAM"]["Config"]]
    flags = ("Driver", "Internal", "Attachable")
    return subnets == wanted and all(found.get(flag) == body[flag] for flag in flags)


def _make_carried(wanted: Wanted, api: Api, details: Says) -> dict[str, str]:
    """Make the secrets and configs that are missing; return their ids by kind and name."""
    ids = {}
    for kind, title in _CARRIED:
        bodies = wanted.secrets if kind == "secrets" else wanted.configs
        for name, body in bodies.items():
            found = next((one for one in api.list(kind, name=name) if one["Spec"]["Name"] == name), None)
            if found is None:
                details(f"creating the {title.lower()} {name}")
            ids[f"{title}/{name}"] = found["ID"] if found else api.create(kind, body)
    return ids


def remove_services(stack: str, api: Api) -> None:
    """Remove all services of a stack, and with them their containers."""
    for one in services_of(stack, api).values():
        api.remove("services", one["ID"])


def wait_until_ended(services: Sequence[str], api: Api) -> None:
    """Wait until no task of these services runs on a node in reach; raise EngineError if one does not end."""
    nodes: Mapping[str, Mapping[str, Any]] = {}
    left: Sequence[Mapping[str, Any]] = ()
    for _ in range(_END_TRIES):
        nodes = {str(node["ID"]): node for node in api.list("nodes")}
        left = [task for one in services for task in api.list("tasks", service=one) if tasks.runs(task, nodes)]
        if not left:
            return
        time.sleep(_PAUSE_S)
    at = sorted({tasks.machine(nodes.get(str(task.get("NodeID", "")), {})) for task in left} - {""})
    raise EngineError(
        f"containers of the stack still run on {', '.join(at) or 'a node'}",
        hint="Run `docker node ls` to see whether the nodes are well, then try it again.",
    )


def remove_volumes(stack: str, api: Api) -> None:
    """Remove the stack's volumes on this node."""
    listed: Any = api.list("volumes", label=f"{STACK}={stack}")
    for one in listed["Volumes"] or ():
        _remove_once_free("volumes", one["Name"], api)


def remove_networks(stack: str, api: Api) -> None:
    """Remove the stack's networks; raise EngineError while containers are in them for longer than they take to end."""
    for one in api.list("networks", label=f"{STACK}={stack}"):
        _remove_once_free("networks", one["Id"], api)


def _remove_once_free(kind: Kind, name: str, api: Api) -> None:
    """Remove what containers use that are about to end; raise EngineError if they do not."""
    for left in reversed(range(_END_TRIES)):
        try:
            api.remove(kind, name)
            if api.one(kind, name) is None:  # its removal ends a moment after the answer
                return
        except EngineError:
            if not left:
                raise
        time.sleep(_PAUSE_S)
