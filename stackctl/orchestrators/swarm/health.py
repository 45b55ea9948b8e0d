"""Whether the swarm, and the nodes that a stack needs, are well."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from stackctl.contracts.finding import CheckResult, Finding, finding_of
from stackctl.contracts.node import Node
from stackctl.errors import StackctlError
from stackctl.orchestrators.swarm.api import Api
from stackctl.orchestrators.swarm.cluster import data_label, node_label
from stackctl.orchestrators.swarm.nodes import parse_nodes, refuse_unmanaged

_BACK: Final = (
    "Start the node or its engine, or let it take tasks again: `docker node update --availability active NODE`. "
    "`docker node ls` shows all of them."
)
_ON: Final = "true"
_SECOND: Final = 1_000_000_000  # the unit of the API's times


def examine(stack: str, api: Api) -> CheckResult:
    """Return what is wrong with the swarm and with the nodes of a stack; "" for no stack."""
    swarm: Mapping[str, Any] = api.info.get("Swarm") or {}
    try:
        refuse_unmanaged(swarm)
        nodes = parse_nodes(api.list("nodes"), str(swarm.get("NodeID", "")))
    except StackctlError as error:
        return CheckResult(findings=(finding_of(error),))
    managers = sum(one.is_manager for one in nodes)
    beat = _heartbeat_s(swarm)
    says = f"{len(nodes)} nodes, {managers} of them managers" + (f", a heartbeat every {beat:g} s" if beat else "")
    return CheckResult(findings=tuple(_findings(stack, nodes)) if stack else (), says=says)


def _findings(stack: str, nodes: tuple[Node, ...]) -> Iterator[Finding]:
    here = next((one for one in nodes if one.is_here), None)
    if here and here.labels.get(data_label(stack)) != _ON:
        yield Finding(
            issue="swarm-unschedulable",
            says=f"this node has no label {data_label(stack)}, by which SillyTavern runs where its data is",
            hint="Run `stackctl start`, which sets it.",
            context=here.name,
        )
    able = [one for one in nodes if one.labels.get(node_label(stack)) == _ON]
    lost = {one.name: why for one in able if (why := _why_out(one))}
    if able and len(lost) == len(able):
        yield Finding(
            issue="swarm-unschedulable",
            says=f"no node can run the backend: {_listed(lost)}",
            hint=_BACK,
        )
        return
    left = ", ".join(one.name for one in able if one.name not in lost)
    for name, why in lost.items():
        yield Finding(
            issue="swarm-unschedulable",
            severity="warning",
            says=f"{name}, where the backend may run, {why}: {left} may still run it",
            hint=_BACK,
            context=name,
        )


def _why_out(node: Node) -> str:
    """Return why a node takes no tasks, as a predicate; "" if it takes them."""
    if node.state != "ready":
        return f"is {node.state}"
    return {"drain": "is drained", "pause": "is paused"}.get(node.availability, "")


def _listed(lost: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {why}" for name, why in lost.items())


def _heartbeat_s(swarm: Mapping[str, Any]) -> float:
    """Return after how many seconds a node tells the managers that it lives; 0 if that is not known."""
    spec = (swarm.get("Cluster") or {}).get("Spec") or {}
    return float((spec.get("Dispatcher") or {}).get("HeartbeatPeriod") or 0) / _SECOND
