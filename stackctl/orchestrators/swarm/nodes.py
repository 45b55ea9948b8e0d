"""The nodes of a Swarm as the manager lists them, those where a backend may run, and the resource that they offer."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from stackctl.contracts.json_table import table_or_empty
from stackctl.contracts.node import Node
from stackctl.core.config.section import NONE
from stackctl.core.config.swarm_spec import AUTO, KINDS
from stackctl.core.formats.version import dotted
from stackctl.errors import ConfigError, EngineError
from stackctl.terminal import command_line, shown_in_line

GENERIC_SINCE: Final = (23, 0, 2)  # older engines lose a task's generic resources when they restart
_VERSION: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){0,3}")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")  # another could be an option in a command of a hint
_MOST: Final = 120  # characters of a name that a node gives itself


def parse_nodes(listed: Iterable[Any], here: str) -> tuple[Node, ...]:
    """Return the answer of GET /nodes, by name. here: the id of the node that stackctl runs on."""
    return tuple(sorted((_node(table_or_empty(one), here) for one in listed), key=lambda one: (one.name, one.id)))


def _node(said: Mapping[str, Any], here: str) -> Node:
    spec, about, status = (table_or_empty(said.get(key)) for key in ("Spec", "Description", "Status"))
    platform, engine = table_or_empty(about.get("Platform")), table_or_empty(about.get("Engine"))
    name = str(about.get("Hostname") or "")
    return Node(
        id=str(said.get("ID", "")),
        name=name if _NAME.fullmatch(name) else str(said.get("ID", ""))[:12],
        is_here=said.get("ID") == here,
        is_manager=spec.get("Role") == "manager",
        state=_short(status.get("State")) or "unknown",
        availability=_short(spec.get("Availability")) or "active",
        engine=_version(str(engine.get("EngineVersion", ""))),
        platform=f"{_short(platform.get('OS'))}/{_short(platform.get('Architecture'))}",
        address=_short(status.get("Addr")),
        labels={_short(key): _short(value) for key, value in table_or_empty(spec.get("Labels")).items()},
        resources=_resources(table_or_empty(about.get("Resources"))),
    )


def _version(text: str) -> tuple[int, ...]:
    """Return an engine's version as numbers; () for what is none."""
    found = _VERSION.match(text)
    return tuple(int(one) for one in found[0].split(".")) if found else ()


def _short(text: object) -> str:
    return shown_in_line(str(text or ""))[:_MOST]


def _resources(said: Mapping[str, Any]) -> dict[str, int]:
    """Return how many of each kind a node offers: each by its name, or their number."""
    found: dict[str, int] = {}
    for one in map(table_or_empty, said.get("GenericResources") or ()):
        named, counted = (table_or_empty(one.get(key)) for key in ("NamedResourceSpec", "DiscreteResourceSpec"))
        kind = _short(named.get("Kind") or counted.get("Kind"))
        value = counted.get("Value") if counted else 1
        if kind and isinstance(value, int):
            found[kind] = found.get(kind, 0) + value
    return found


def refuse_unmanaged(swarm: Mapping[str, Any]) -> None:
    """Raise an error unless this engine is a manager that can change the Swarm. swarm: of GET /info."""
    state = str(swarm.get("LocalNodeState") or "inactive")
    if state == "locked":
        raise EngineError(
            "this node's Swarm is locked: its manager waits for the unlock key since the engine started",
            hint="Run `docker swarm unlock`.",
            issue="swarm-not-manager",
        )
    if state in {"inactive", "pending"}:
        raise ConfigError(
            'target = "swarm": this engine is in no Swarm'
            if state == "inactive"
            else 'target = "swarm": this engine has not joined its Swarm yet',
            hint="Run `docker swarm init` if this machine is the first of a new Swarm (with `--advertise-addr ADDRESS` "
            "where it has several addresses). Or run stackctl on the manager of the Swarm that you have.",
            issue="swarm-not-manager",
        )
    words = _short(swarm.get("Error"))
    if state == "error":
        raise EngineError(
            f"this node's Swarm has failed: {words or 'the engine does not say why'}",
            hint="Run `docker info` and `docker node ls`, and repair what they name.",
            issue="swarm-not-manager",
        )
    if not swarm.get("ControlAvailable"):
        managers = [_short(table_or_empty(one).get("Addr")) for one in swarm.get("RemoteManagers") or ()]
        known = f": {', '.join(sorted(filter(None, managers)))}" if any(managers) else ""
        node = str(swarm.get("NodeID", ""))
        raise ConfigError(
            'target = "swarm": this node is a worker, and only a manager can start a stack',
            hint=f"Run stackctl on a manager{known}. Or run `{command_line('docker', 'node', 'promote', node)}` there, "
            "which makes this node a manager, too.",
            issue="swarm-not-manager",
        )


def explained(error: EngineError) -> EngineError:
    """Return the error of a list of nodes that the manager refused, in plain words if its Swarm has no leader."""
    if "leader" not in error.message and "quorum" not in error.message:
        return error
    return EngineError(
        "this node's Swarm has no leader: more than half of its managers must run and reach each other",
        hint="Start the other managers. If they are lost for good, run `docker swarm init --force-new-cluster` here.",
        evidence=(error.message,),
        issue="swarm-not-manager",
    )


def choose_candidates(nodes: tuple[Node, ...], wanted: tuple[str, ...]) -> tuple[Node, ...]:
    """Return the nodes where the backend may run, whatever their state. wanted: their names; () for all.

    Raise ConfigError for a name that no node has, or that several have.
    """
    if not wanted:
        return nodes
    found: list[str] = []
    for name in wanted:
        same = [one for one in nodes if name in {one.name, one.id}]
        if not same:
            known = ", ".join(one.name for one in nodes) or "none"
            raise ConfigError(f"swarm.nodes: there is no node {name!r}", hint=f"Name some of these: {known}.")
        if len(same) > 1:
            ids = ", ".join(one.id for one in same)
            raise ConfigError(f"swarm.nodes: {len(same)} nodes are named {name!r}", hint=f"Name one by its id: {ids}.")
        found.append(same[0].id)
    return tuple(one for one in nodes if one.id in found)


def resource_kind(candidates: tuple[Node, ...], wanted: str) -> str:
    """Return the kind of generic resource that stands for GPUs; "" if none is reserved or none is offered.

    wanted: swarm.gpu_resource. Raise ConfigError if auto finds more than one kind.
    """
    if wanted == NONE:
        return ""
    if wanted != AUTO:
        return wanted
    offers = {kind: [one.name for one in candidates if one.resources.get(kind)] for kind in KINDS}
    found = {kind: names for kind, names in offers.items() if names}
    if len(found) > 1:
        said = "; ".join(f"{kind} on {', '.join(names)}" for kind, names in found.items())
        raise ConfigError(
            f"the nodes offer GPUs under more than one name: {said}",
            hint="Give them one name in `node-generic-resources` of each node's /etc/docker/daemon.json. Or set "
            "`swarm.gpu_resource` to the one to use.",
            issue="swarm-resource-kinds",
        )
    return next(iter(found), "")


def offered(candidates: tuple[Node, ...], kind: str, least: int) -> int:
    """Return the lowest number of a resource that a node with enough of it has. least: how many are enough."""
    return min((has for one in candidates if (has := one.resources.get(kind, 0)) >= least), default=least)


def refusal(node: Node, here: Node, kind: str, least: int = 1) -> tuple[str, str, str]:
    """Return (problem, hint, issue) of a node that can be seen to run no backend without a look; else ("", "", "").

    here: the node that stackctl runs on. kind: the resource that the backend reserves, "" for none; least: its number.
    """
    if node.state != "ready":
        return f"it is {node.state}", "Start it, and its engine: `docker node ls` shows its state.", "swarm-no-node"
    if node.availability != "active":
        said = {"drain": "drained", "pause": "paused"}.get(node.availability, node.availability)
        command = command_line("docker", "node", "update", "--availability", "active", node.name)
        return f"it is {said}: it takes no tasks", f"Run `{command}` when it may.", "swarm-no-node"
    if node.platform != here.platform:
        return (
            f"it is {node.platform}, and this node {here.platform}",
            "Name other nodes in `swarm.nodes`.",
            "swarm-no-node",
        )
    if kind and node.engine < GENERIC_SINCE:
        return (
            f"its engine {dotted(node.engine)} is older than {dotted(GENERIC_SINCE)}, which GPUs need",
            "Update Docker there.",
            "swarm-engine-too-old",
        )
    if kind and not node.resources.get(kind):
        return (
            f"it offers no {kind}",
            (
                f'Set "node-generic-resources": ["{kind}=GPU-UUID"] (`nvidia-smi -L` names it) and "default-runtime": '
                '"nvidia" in its /etc/docker/daemon.json if it has a GPU, then restart its engine.'
            ),
            "swarm-no-node",
        )
    if kind and node.resources[kind] < least:
        hint = 'Set `gpu.devices` to ["count:1"], or to ["all"].'
        return f"it offers {node.resources[kind]} {kind}, and the backend needs {least}", hint, "swarm-no-node"
    return "", "", ""
