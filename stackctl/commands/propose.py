"""The model that a deploy proposes if none was named."""

from stackctl.commands.models.recommend import Asked, Recommended, recommend
from stackctl.core.config.spec import Spec
from stackctl.errors import DoesNotFit
from stackctl.machine import Machine
from stackctl.steps.first_model import WAYS


def proposal(machine: Machine, spec: Spec, *, language: str) -> Recommended:
    """Return the model that suits this machine; raise DoesNotFit if none does."""
    asked = Asked(
        language=language,
        context=spec.backend.context if isinstance(spec.backend.context, int) else None,
        backend=spec.backend.kind,
        has_gpu=spec.gpu.mode != "none",
    )
    try:
        return recommend(machine, asked)
    except DoesNotFit as e:
        raise DoesNotFit(e.message, hint=" ".join(filter(None, (e.hint, WAYS)))) from e
