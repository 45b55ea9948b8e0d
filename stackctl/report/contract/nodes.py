"""What `nodes` and `models pull --nodes` print."""

from typing import Annotated, Literal, TypedDict


class NodeGpu(TypedDict):
    """A GPU of a node."""

    uuid: str
    name: str
    memory_mib: int
    free_memory_mib: int


class Node(TypedDict):
    """A node of the Swarm."""

    name: str
    id: str
    is_here: Annotated[bool, "stackctl runs on it"]
    is_manager: bool
    state: Annotated[str, "as Swarm has it: ready, down, ..."]
    availability: Annotated[str, "active, pause or drain"]
    address: str
    engine: Annotated[str, "its version"]
    platform: str
    resources: Annotated[dict[str, int], "a generic resource's kind -> how many it offers"]
    passes: Annotated[bool, "the backend may run there"]
    problem: Annotated[str | None, "why it may not"]
    hint: str | None
    issue: str | None
    has_model: Annotated[bool | None, "null: not known"]
    memory_mib: int | None
    free_memory_mib: int | None
    free_disk_bytes: Annotated[int | None, "where the model lies"]
    gpus: list[NodeGpu]
    services: Annotated[list[str], "those of the stack that run there"]


class Nodes(TypedDict):
    """On which nodes the backend may run."""

    version: Literal[1]
    name: str
    backend: str
    model: str
    passing: Annotated[int, "on how many nodes it may run"]
    nodes: list[Node]


class ServedNode(TypedDict):
    """What became of the model on a node."""

    name: str
    state: Annotated[Literal["there", "copied", "failed", "left out"], "there: it was before"]
    copied_bytes: int
    took_s: float
    problem: str | None
    hint: str | None
    issue: str | None


class Served(TypedDict):
    """What became of the model on each node."""

    version: Literal[1]
    name: str
    model: str
    model_bytes: int
    nodes: list[ServedNode]
