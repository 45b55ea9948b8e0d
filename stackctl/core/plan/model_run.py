"""How the deployed model runs, as its plan has it: for people and for scripts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from stackctl.core.history import Record
from stackctl.core.hub.labels import find_label
from stackctl.core.plan.stack import Plan

_LONGEST = 10  # digits of a number of layers


@dataclass(frozen=True, kw_only=True)
class ModelRun:
    """A model and where it is. None: the backend decides it, or it is unknown."""

    name: str  # as SillyTavern sees it
    quantisation: str = ""  # by the label in its name; "" if that has none
    context: int = 0  # tokens; 0 if unknown
    gpu_layers: int | None = None
    layers: int | None = None  # all of them, with the output layer, as llama.cpp counts
    cpu_experts: int = 0  # layers on the GPU whose experts are in RAM
    is_reported: bool = False  # the backend said at its start how many layers it put there; false: that is the plan


def model_run(plan: Plan, started: Record | None = None) -> ModelRun:
    """Return how the model of a plan runs. started: the deploy that started it so, if that is recorded."""
    fit, said = plan.memory.fit if plan.memory else None, plan.gpu_layers
    layers = fit.blocks + 1 if fit else None
    seen = started.layers_on_gpu if started else None
    wanted = int(said) if said.isascii() and said.isdecimal() and len(said) < _LONGEST else None
    return ModelRun(
        name=plan.model_name,
        quantisation=next(filter(None, map(find_label, _names(plan))), ""),
        context=plan.context,
        gpu_layers=seen if seen is not None else min(wanted, layers) if wanted is not None and layers else wanted,
        layers=started.layers if started and started.layers else layers,
        cpu_experts=fit.settings.cpu_experts if fit and wanted else 0,
        is_reported=seen is not None,
    )


def is_start_of(record: Record, plan: Plan) -> bool:
    """Return whether a deploy started the model of a plan as it runs now, and saw where the backend put its layers."""
    then = (record.backend, record.model, record.context, record.kv_cache, record.gpu_layers)
    now = (plan.backend, plan.model_name, plan.context, plan.kv_cache, plan.gpu_layers)
    return record.layers_on_gpu is not None and then == now


def describe_layers(run: ModelRun) -> str:
    """Return where the layers are, in a few words."""
    if run.gpu_layers is None:
        return "the backend decides how many are on the GPU"
    if not run.gpu_layers:
        return f"all {run.layers} on the CPU" if run.layers else "all on the CPU"
    experts = f", the experts of {run.cpu_experts} in RAM" if run.cpu_experts else ""
    whole = f" of {run.layers}" if run.layers else ""
    return f"{run.gpu_layers}{whole} on the GPU{experts}{'' if run.is_reported else ', as planned'}"


def _names(plan: Plan) -> Iterator[str]:
    """Give the names of the model: SillyTavern's may have lost some characters that the file has."""
    yield plan.model_name
    if plan.backend_service:
        yield from (PurePosixPath(one.target).name for one in plan.backend_service.mounts)
