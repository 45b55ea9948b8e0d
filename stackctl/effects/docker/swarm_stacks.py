"""The stacks of stackctl that run in Docker Swarm, as a manager's engine lists them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stackctl.effects.docker.client import Informed, translate_errors
from stackctl.effects.docker.labels import FOLDER, STACK, STACK_SERVICE, data_label, folder_of

_LONGEST: Final = 200  # characters of a name


@dataclass(frozen=True, kw_only=True)
class StackService:
    """A service of a stack, by its labels, which anyone may have written. folder: on the machine that has its data.

    has_data: that machine is this one.
    """

    stack: str
    name: str
    folder: str
    has_data: bool


def services(engine: Informed, stack: str = "") -> tuple[StackService, ...]:
    """Return the services of all stacks of stackctl, or of one; () if the engine is no manager of a swarm."""
    swarm = engine.info.get("Swarm") or {}
    if not swarm.get("ControlAvailable"):
        return ()
    api: Any = engine.client.api
    wanted = {"label": [FOLDER, f"{STACK}={stack}" if stack else STACK]}
    with translate_errors("docker service ls failed"):
        found = api.services(filters=wanted)
        here = api.inspect_node(swarm.get("NodeID", "")) if found else {}
    labels = (here.get("Spec") or {}).get("Labels") or {}
    return tuple(_services(found, labels))


def _services(found: list[dict[str, Any]], node: Mapping[str, str]) -> Iterator[StackService]:
    for one in found:
        labels = one["Spec"].get("Labels") or {}
        stack = labels.get(STACK, "")[:_LONGEST]
        yield StackService(
            stack=stack,
            name=labels.get(STACK_SERVICE, "")[:_LONGEST],
            folder=folder_of(labels.get(FOLDER, "")),
            has_data=node.get(data_label(stack)) == "true",
        )
