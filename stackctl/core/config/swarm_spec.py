"""stack.toml's [swarm]: where a stack runs that Docker Swarm moves among several machines."""

from pydantic import Field

from stackctl.core.config.section import NONE, Section
from stackctl.core.config.values import Path, Text

AUTO = "auto"
KINDS = ("NVIDIA-GPU", "GPU", "gpu")  # the names that guides give the generic resource


class Swarm(Section):
    nodes: tuple[Text, ...] = Field(
        (), description="Where the backend may run, by the nodes' names; []: every node that passes the look."
    )
    gpu_resource: Path = Field(
        AUTO,
        description=(
            f"The generic resource's kind; auto: that one of {', '.join(KINDS)} that the nodes offer;\n"
            f"{NONE}: no resource is reserved, only the node is chosen."
        ),
    )
    models: Path = Field(
        AUTO, description="The model files' folder on each of those nodes; auto: the model's own path here."
    )
