"""The model that a deploy proposes if none was named."""

from stackctl.commands.models.recommend import Asked, Recommended, recommend
from stackctl.core.config.spec import Spec
from stackctl.core.config.values import memory_mib
from stackctl.errors import DoesNotFit, ModelError
from stackctl.machine import Machine
from stackctl.steps.build_here import device_of
from stackctl.steps.first_model import WAYS
from stackctl.terminal import command_line


def proposal(machine: Machine, spec: Spec, *, language: str) -> Recommended:
    """Return the model that suits this machine; raise DoesNotFit if none does, ModelError if it can't be downloaded."""
    asked = Asked(
        language=language,
        context=spec.backend.context if isinstance(spec.backend.context, int) else None,
        backend=spec.backend.kind,
        has_gpu=spec.gpu.mode != "none",
        device=device_of(spec),
        needs_driver=True,
        gpu_reserve_mib=memory_mib(spec.gpu.reserve) or 0,
    )
    try:
        found = recommend(machine, asked)
    except DoesNotFit as e:
        raise DoesNotFit(e.message, hint=" ".join(filter(None, (e.hint, WAYS))), issue=e.issue) from e
    try:
        machine.hub.check_connection()
    except ModelError as e:
        model, source = found.best, found.best.source
        raise ModelError(
            f"{e.message}; from there stackctl downloads {model.name} at {model.label} ({model.size / 1e9:.1f} GB)",
            hint=f"{e.hint} Or run `stackctl deploy --model FILE` with a model file: another machine can download it "
            f"from https://huggingface.co/{source.repo}. Or run `stackctl deploy --model demo`, which downloads no "
            f"model. To wait longer for the hub, run `{command_line('stackctl', 'deploy', '--model', source)}`.",
            issue=e.issue,
        ) from e
    return found
