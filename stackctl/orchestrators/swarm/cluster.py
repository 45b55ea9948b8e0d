"""What a rendering for Docker Swarm takes beside the plan, and the words that all modules here share."""

from dataclasses import dataclass
from typing import Final

from stackctl.core.config.swarm_spec import Swarm
from stackctl.effects.docker import labels

FILE: Final = "stack.yml"
STACK: Final = labels.STACK  # Docker's own label: `docker stack ls`, `ps` and `rm` go by it
FOLDER: Final = labels.FOLDER  # of services and containers: the folder of the stack that made them
SERVICE: Final = labels.STACK_SERVICE  # of services and containers: the service's name in the stack
CONTENT: Final = "stackctl.content"  # of services: a hash of what was asked for, to see whether it differs
DEFAULT_KIND: Final = "NVIDIA-GPU"  # in a rendering without an engine


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The settings, with what the nodes offer filled in.

    kind: the generic resource to reserve; "" for none. offered: the least number of it that a candidate with enough
    offers. least: how many GPUs the backend needs.
    """

    settings: Swarm
    kind: str = ""
    offered: int = 1
    least: int = 1


def node_label(stack: str) -> str:
    """Return the label of the nodes on which a stack's backend may run."""
    return f"stackctl.{stack}.backend"


def data_label(stack: str) -> str:
    """Return the label of the node that has SillyTavern's data."""
    return labels.data_label(stack)
