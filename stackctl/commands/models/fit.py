"""`stackctl models fit`: the memory that a model takes, and whether it is free now."""

from dataclasses import dataclass
from typing import Literal

from stackctl import backends
from stackctl.core import source as sources
from stackctl.core.fit import ALL, Device, Fit, Settings, fit
from stackctl.core.seen import ModelSeen
from stackctl.errors import ModelError
from stackctl.machine import Machine

_CONTEXT = 8192
_CUDA_CONTEXT_MIB = 500.0  # per GPU: 107 to 612 were measured, more on larger GPUs


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How the model shall run. None: what a deploy would do."""

    backend: str = "llamacpp"
    context: int | None = None
    kv_type: str = "f16"
    gpu_layers: int | Literal["all", "auto"] = "auto"
    batch: int | None = None
    parallel: int | None = None
    flash_attention: bool = True
    gpu_memory_mib: tuple[int, ...] = ()  # free on each GPU; (): as found
    device: Device | None = None


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """The sum, what is free for it, and the verdict."""

    model: ModelSeen
    fit: Fit
    free_mib: tuple[int, ...]  # per GPU
    free_ram_mib: int
    fits: bool


def fitted(machine: Machine, model: str, asked: Asked) -> Fitted:
    """Read a model's header, here or at its source, and add up.

    Raises ModelError where it can't be read or has no known shape.
    """
    seen = looked_at(machine, model)
    shape = seen.shape
    if shape is None:
        raise ModelError(f"{seen.name}: how much memory it takes is known of GGUF models alone", hint="take a .gguf")
    free = asked.gpu_memory_mib
    if not free and asked.device != "cpu":
        free = tuple(gpu.free_mib for gpu in machine.gpus())
    device: Device = (asked.device or "cuda") if free else "cpu"
    ram = machine.ram(None).free_mib
    trained = shape.trained_context

    def summed(layers: int) -> Fit:
        settings = Settings(
            context=asked.context or min(_CONTEXT, trained or _CONTEXT),
            kv_type=asked.kv_type,
            batch=asked.batch,
            slots=asked.parallel,
            flash_attention=asked.flash_attention,
            gpu_layers=layers,
            device=device,
            split=tuple(float(one) for one in free),
            context_mib=_CUDA_CONTEXT_MIB if device == "cuda" else 0.0,
        )
        return fit(shape, settings, backends.named(asked.backend).MEMORY)

    if asked.gpu_layers == "auto":
        blocks = len(shape.layers)
        tries = (summed(layers) for layers in range(blocks + 1, -1, -1))
        found = next((one for one in tries if _on_gpus(one, free)), None) or summed(0)
    else:
        found = summed(ALL if asked.gpu_layers == "all" else asked.gpu_layers)
    fits = _on_gpus(found, free) and found.host.total_mib <= ram
    return Fitted(model=seen, fit=found, free_mib=free, free_ram_mib=ram, fits=fits)


def looked_at(machine: Machine, model: str) -> ModelSeen:
    """A model by its path, or by its source, of which the header alone is read."""
    source = sources.parse(model)
    if source is None:
        return machine.model(model)
    from stackctl.commands.models.pull import offered
    from stackctl.commands.models.remote import described

    return described(machine, offered(machine, source)).model


def _on_gpus(found: Fit, free_mib: tuple[int, ...]) -> bool:
    return all(one.total_mib <= free for one, free in zip(found.devices, free_mib, strict=False))
