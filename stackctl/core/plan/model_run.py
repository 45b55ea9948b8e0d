"""How the deployed model runs, as its plan has it: for people and for scripts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

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


def model_run(plan: Plan) -> ModelRun:
    """Return how the model of a plan runs."""
    fit, said = plan.memory.fit if plan.memory else None, plan.gpu_layers
    layers = fit.blocks + 1 if fit else None
    wanted = int(said) if said.isascii() and said.isdecimal() and len(said) < _LONGEST else None
    return ModelRun(
        name=plan.model_name,
        quantisation=next(filter(None, map(find_label, _names(plan))), ""),
        context=plan.context,
        gpu_layers=min(wanted, layers) if wanted is not None and layers else wanted,
        layers=layers,
        cpu_experts=fit.settings.cpu_experts if fit and wanted else 0,
    )


def describe_layers(run: ModelRun) -> str:
    """Return where the layers are, in a few words."""
    if run.gpu_layers is None:
        return "the backend decides how many are on the GPU"
    if not run.gpu_layers:
        return f"all {run.layers} on the CPU" if run.layers else "all on the CPU"
    experts = f", the experts of {run.cpu_experts} in RAM" if run.cpu_experts else ""
    whole = f" of {run.layers}" if run.layers else ""
    return f"{run.gpu_layers}{whole} on the GPU{experts}"


def _names(plan: Plan) -> Iterator[str]:
    """Give the names of the model: SillyTavern's may have lost some characters that the file has."""
    yield plan.model_name
    if plan.backend_service:
        yield from (PurePosixPath(one.target).name for one in plan.backend_service.mounts)
