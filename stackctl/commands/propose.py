"""What a deploy proposes where nobody has named a model."""

from collections.abc import Mapping

from stackctl.commands.models.recommend import Asked, Recommended, recommend
from stackctl.core import stack_toml
from stackctl.errors import DoesNotFit
from stackctl.machine import Machine

_NAMES_ONE = ("model.path", "model.source", "model.use", "backend.url")


def proposal(machine: Machine, flags: Mapping[str, object], *, language: str) -> Recommended | None:
    """The model that suits this machine; None where the folder or the command line names one, or none fits."""
    if machine.folder.read(stack_toml.FILE) is not None or any(flags.get(key) for key in _NAMES_ONE):
        return None
    context = flags.get("backend.context")
    asked = Asked(
        language=language,
        context=context if isinstance(context, int) else None,
        backend=str(flags.get("backend.kind") or "llamacpp"),
        has_gpu=flags.get("gpu.mode") != "none",
    )
    try:
        return recommend(machine, asked)
    except DoesNotFit:
        return None
