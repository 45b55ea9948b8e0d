"""`stackctl models fit`: the memory that a model takes, whether it is free now, and what else there is."""

from dataclasses import dataclass, replace
from typing import Literal

from stackctl import backends
from stackctl.commands.models.recommend import room
from stackctl.core import repository
from stackctl.core import source as sources
from stackctl.core.catalogue import Suggestion
from stackctl.core.choice import CONTEXT, Choice, Room, Wanted, choose
from stackctl.core.fit import ALL, Device, Shape
from stackctl.core.seen import ModelSeen
from stackctl.errors import ModelError
from stackctl.machine import Machine


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How the model shall run. None: what is best."""

    backend: str = "llamacpp"
    context: int | None = None
    kv_type: str | None = None
    gpu_layers: int | Literal["all", "auto"] = "auto"
    batch: int | None = None
    parallel: int | None = None
    flash_attention: bool = True
    gpu_memory_mib: tuple[int, ...] = ()  # free on each GPU; (): as found
    device: Device | None = None


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """The sum, what is free for it, the verdict and the alternatives. prompt_cache_mib: RAM that fills up later."""

    model: ModelSeen
    choice: Choice
    prompt_cache_mib: int


def fitted(machine: Machine, model: str, asked: Asked) -> Fitted:
    """Read a model's header, here or at its source, and add up.

    Raises ModelError where it can't be read or has no known shape.
    """
    seen = looked_at(machine, model)
    shape = seen.shape
    if shape is None:
        raise ModelError(f"{seen.name}: how much memory it takes is known of GGUF models alone", hint="take a .gguf")
    reserves = backends.named(asked.backend).MEMORY
    free = _room(machine, asked)
    wanted = _wanted(asked, shape, free)
    return Fitted(model=seen, choice=choose(shape, wanted, reserves, free), prompt_cache_mib=reserves.prompt_cache_mib)


def forms_of(machine: Machine, model: str, asked: Asked) -> tuple[Suggestion, ...]:
    """A row per quantisation of a repository of which none is named; () for anything else, and where there is one."""
    source = sources.parse(model)
    if source is None or source.url or source.quant or source.file:
        return ()
    from stackctl.commands.models.forms import forms

    listed = repository.quantisations(machine.hub.repository(source))
    if len([one for one in listed if not one.is_folder]) < 2:
        return ()
    free = _room(machine, asked)
    reserves = backends.named(asked.backend).MEMORY
    return forms(machine, source, lambda shape: _wanted(asked, shape, free), reserves, free)


def _wanted(asked: Asked, shape: Shape, free: Room) -> Wanted:
    is_chosen = asked.gpu_layers == "auto"
    layers = ALL if asked.gpu_layers == "all" else None if asked.gpu_layers == "auto" else asked.gpu_layers
    return Wanted(
        context=asked.context or (None if is_chosen else min(CONTEXT, shape.trained_context or CONTEXT)),
        kv_type=asked.kv_type or (None if is_chosen else "f16"),
        gpu_layers=layers,
        batch=asked.batch,
        slots=asked.parallel,
        flash_attention=asked.flash_attention,
        device=(asked.device or "cuda") if free.gpus_mib else "cpu",
    )


def looked_at(machine: Machine, model: str) -> ModelSeen:
    """A model by its path, or by its source, of which the header alone is read."""
    source = sources.parse(model)
    if source is None:
        return machine.model(model)
    from stackctl.commands.models.pull import offered
    from stackctl.commands.models.remote import described

    return described(machine, offered(machine, source)).model


def _room(machine: Machine, asked: Asked) -> Room:
    if asked.device == "cpu":
        return replace(room(machine), gpus_mib=(), totals_mib=())
    if asked.gpu_memory_mib:
        return replace(room(machine), gpus_mib=asked.gpu_memory_mib, totals_mib=())
    return room(machine)
