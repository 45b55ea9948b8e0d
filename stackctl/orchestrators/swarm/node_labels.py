"""The labels by which a stack's services find their nodes. Swarm ends a task at once whose node loses its label."""

from collections.abc import Iterable

from stackctl.contracts.node import Node
from stackctl.errors import EngineError
from stackctl.orchestrators.swarm.api import Api
from stackctl.orchestrators.swarm.cluster import data_label, node_label
from stackctl.terminal import command_line

_TRIES = 5  # of an update that another one overtook
_ON = "true"


def refuse_data_elsewhere(stack: str, nodes: tuple[Node, ...], *, is_seen: bool) -> None:
    """Raise EngineError if SillyTavern's data is on another node than this one. is_seen: this engine sees our disk."""
    label = data_label(stack)
    if other := next((one for one in nodes if one.labels.get(label) == _ON and not one.is_here), None):
        command = command_line("docker", "node", "update", "--label-rm", label, other.name)
        raise EngineError(
            f"SillyTavern's data of the stack {stack!r} is on the node {other.name}, by its label {label}",
            hint=f"Run stackctl there, in that folder. If the data has moved to this folder, run `{command}` first.",
            issue="swarm-data-elsewhere",
        )
    if not is_seen:
        raise EngineError(
            "SillyTavern's data stays in this folder, and the engine runs on another machine than stackctl",
            hint="Run stackctl on the manager that has this folder.",
            issue="swarm-data-elsewhere",
        )


def set_labels(api: Api, label: str, on: Iterable[str], *, removes: bool) -> None:
    """Set a label on the nodes with these ids; with `removes` take it off all others."""
    wanted = set(on)
    for node in api.list("nodes"):
        has, wants = (node["Spec"].get("Labels") or {}).get(label) == _ON, node["ID"] in wanted
        if wants != has and (wants or removes):
            _change(api, str(node["ID"]), label, is_on=wants)


def _change(api: Api, node: str, label: str, *, is_on: bool) -> None:
    for left in reversed(range(_TRIES)):
        found = api.one("nodes", node)
        if found is None:
            return
        labels = {key: value for key, value in (found["Spec"].get("Labels") or {}).items() if key != label}
        labels |= {label: _ON} if is_on else {}
        try:
            api.update("nodes", node, found["Version"]["Index"], {**found["Spec"], "Labels": labels})
        except EngineError as e:
            if not left or "out of sequence" not in e.message:
                raise
        else:
            return


def set_for_stack(api: Api, stack: str, passing: Iterable[str], here: str) -> None:
    """Let the backend also run on the nodes with these ids, and SillyTavern on this one."""
    set_labels(api, node_label(stack), passing, removes=False)
    set_labels(api, data_label(stack), [here], removes=False)
