"""The offload that a plan wants."""

from stackctl.core.gpu.offload import Wanted
from stackctl.core.plan.stack import Plan


def planned_offload(plan: Plan) -> Wanted | None:
    """Return the layers that a plan wants on a GPU; None if it asks for no GPU, or for no layer there."""
    service = plan.backend_service
    if service is None or service.gpu is None or plan.gpu_layers == "0":
        return None
    return Wanted(
        layers=int(plan.gpu_layers) if plan.gpu_layers.isdecimal() else None,
        of=plan.memory.fit.blocks + 1 if plan.memory else None,
    )
