"""`stackctl nodes`: on which machines the backend may run, and why not on the others; and its model brought to them."""

from dataclasses import dataclass

from stackctl.contracts.node import Brought, NodeReport
from stackctl.machine import Machine
from stackctl.steps.planned import planned_here


@dataclass(frozen=True, kw_only=True)
class NodesFound:
    """What a look at each node found. model: as SillyTavern sees it."""

    name: str
    backend: str
    model: str
    reports: tuple[NodeReport, ...]

    @property
    def passing(self) -> int:
        return sum(one.passes for one in self.reports)


@dataclass(frozen=True, kw_only=True)
class NodesServed:
    """What became of the stack's model on each node."""

    name: str
    model: str
    model_bytes: int
    nodes: tuple[Brought, ...]

    @property
    def failed(self) -> tuple[Brought, ...]:
        return tuple(one for one in self.nodes if one.state == "failed")


def look_at_nodes(machine: Machine) -> NodesFound:
    """Look at each node with a short container of the backend's image. Nothing of the stack changes."""
    with machine.folder.locked(machine.ui.note, writes=False):
        plan, machine = planned_here(machine)
        machine.ui.status("looking at each node")
        reports = machine.orchestrator.nodes(plan)
    return NodesFound(name=plan.name, backend=plan.backend_title, model=plan.model_name, reports=reports)


def bring_model(machine: Machine) -> NodesServed:
    """Copy the stack's model to each node that lacks it; pull it here first if it has yet to be pulled."""

    far: dict[str, tuple[str, int, int]] = {}

    def says(node: str, does: str, done: int, total: int) -> None:
        far[node] = does, done, total
        parts = (f"{name} {what} ({_percent(sent, all_)})" for name, (what, sent, all_) in sorted(far.items()))
        done_bytes, total_bytes = sum(one[1] for one in far.values()), sum(one[2] for one in far.values())
        machine.ui.progress(", ".join(parts), done_bytes=done_bytes, total_bytes=total_bytes)

    with machine.folder.locked(machine.ui.note, writes=False):
        plan, machine = planned_here(machine, pulls=True)
        machine.ui.status("looking at each node")
        brought = machine.orchestrator.bring(plan, says)
    return NodesServed(name=plan.name, model=plan.model_name, model_bytes=plan.model_bytes, nodes=brought)


def _percent(done: int, total: int) -> str:
    return f"{100 * done // total if total else 0} %"
