"""`nodes` and `models pull --nodes` as text and as JSON."""

from typing import TYPE_CHECKING

from stackctl.report.status_text import gib
from stackctl.ui import Ui

if TYPE_CHECKING:
    from stackctl.commands.nodes import NodesFound, NodesServed
    from stackctl.contracts.node import Brought, NodeReport
    from stackctl.report.contract import nodes as contract

_HEAD = ("NODE", "BACKEND", "GPU", "MEMORY", "MODEL", "RUNS")


def looked(found: "NodesFound", ui: Ui) -> "tuple[str, contract.Nodes]":
    """Return a table of the nodes, and below it why the backend can't run on some."""
    rows = [_HEAD, *map(_row, found.reports)]
    reasons = _reasons([one for one in found.reports if not one.passes])
    said = f"{found.backend} with {found.model} can run on {found.passing} of {len(found.reports)} nodes"
    text = "\n".join([ui.table(rows), *([""] if reasons else []), *reasons, said])
    return text, {
        "version": 1,
        "name": found.name,
        "backend": found.backend,
        "model": found.model,
        "passing": found.passing,
        "nodes": [_node(one) for one in found.reports],
    }


def _row(one: "NodeReport") -> tuple[str, ...]:
    about = " (this one)" if one.node.is_here else ""
    gpus = ", ".join(gpu.name for gpu in one.gpus) or ("seen" if one.devices else "-")
    memory = f"{gib(one.free_mib)} of {gib(one.total_mib)} free" if one.free_mib and one.total_mib else "-"
    return (
        f"{one.node.name}{about}",
        "yes" if one.passes else "no",
        gpus,
        memory,
        _model(one),
        ", ".join(one.services) or "-",
    )


def _model(one: "NodeReport") -> str:
    if not one.files:
        return "-"
    if any(file.size is None for file in one.files):
        return "missing"
    return "not readable" if any(not file.head for file in one.files) else "there" if one.passes else "seen"


def _reasons(failing: "list[NodeReport]") -> list[str]:
    """Return why the backend can't run on some nodes, and what to do; nodes with the same reason share it."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for one in failing:
        by_reason.setdefault((one.problem, one.hint), []).append(one.node.name)
    return [
        line
        for (problem, hint), names in by_reason.items()
        for line in (f"{', '.join(names)}: {problem}", *(f"  {part}" for part in hint.splitlines()))
    ]


def _node(one: "NodeReport") -> "contract.Node":
    return {
        "name": one.node.name,
        "id": one.node.id,
        "is_here": one.node.is_here,
        "is_manager": one.node.is_manager,
        "state": one.node.state,
        "availability": one.node.availability,
        "address": one.node.address,
        "engine": ".".join(map(str, one.node.engine)),
        "platform": one.node.platform,
        "resources": dict(one.node.resources),
        "passes": one.passes,
        "problem": one.problem or None,
        "hint": one.hint or None,
        "issue": one.issue or None,
        "has_model": _has_model(one),
        "memory_mib": one.total_mib,
        "free_memory_mib": one.free_mib,
        "free_disk_bytes": one.free_bytes,
        "gpus": [
            {"uuid": gpu.uuid, "name": gpu.name, "memory_mib": gpu.total_mib, "free_memory_mib": gpu.free_mib}
            for gpu in one.gpus
        ],
        "services": list(one.services),
    }


def _has_model(one: "NodeReport") -> bool | None:
    if one.passes:
        return True
    return False if any(file.size is None for file in one.files) else None


def served(done: "NodesServed") -> "tuple[str, contract.Served]":
    """Return what became of the model on each node."""
    lines = [line for one in done.nodes for line in _outcome(one)]
    there = sum(one.state in {"there", "copied"} for one in done.nodes)
    has_new = any(one.state == "copied" for one in done.nodes)
    again = ["Run `stackctl deploy`, which lets the backend run where the model is new."] if has_new else []
    text = "\n".join([*lines, f"{done.model} is on {there} of {len(done.nodes)} nodes", *again])
    return text, {
        "version": 1,
        "name": done.name,
        "model": done.model,
        "model_bytes": done.model_bytes,
        "nodes": [
            {
                "name": one.node,
                "state": one.state,
                "copied_bytes": one.copied_bytes,
                "took_s": one.took_s,
                "problem": one.problem or None,
                "hint": one.hint or None,
                "issue": one.issue or None,
            }
            for one in done.nodes
        ],
    }


def _outcome(one: "Brought") -> list[str]:
    if one.state == "there":
        return [f"{one.node}: it is there already"]
    if one.state == "copied":
        amount = f"{one.copied_bytes / 1e9:.2f} GB" if one.copied_bytes >= 10**8 else f"{one.copied_bytes / 1e6:.1f} MB"
        return [f"{one.node}: copied {amount} in {one.took_s:.0f} s, checksum verified"]
    how = "failed" if one.state == "failed" else "nothing was copied"
    return [f"{one.node}: {how}: {one.problem}", *(f"  {line}" for line in one.hint.splitlines())]
