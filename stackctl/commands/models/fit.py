"""`stackctl models fit`: the memory that a model takes, whether it is free now, and the alternatives."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from stackctl import backends
from stackctl.commands.models.recommend import room
from stackctl.core.advice.can_load import BackendBuild
from stackctl.core.advice.suggestion import Suggestion
from stackctl.core.fit import ALL, Device, Shape, cache_type
from stackctl.core.fit.choice import CONTEXT, Choice, Room, Wanted, choose
from stackctl.core.fit.room import RESERVE_MIB
from stackctl.core.hub import repository
from stackctl.core.hub import source as sources
from stackctl.core.model.model import ModelSeen
from stackctl.core.model.not_chat import refuse_for_chat
from stackctl.errors import ConfigError, ModelError
from stackctl.machine import Machine
from stackctl.steps.build_here import stack_here
from stackctl.steps.models.known_model import with_catalogue
from stackctl.steps.models.named_model import named_model


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How the model should run. None: choose what is best."""

    backend: str = "llamacpp"
    context: int | None = None
    kv_type: str | None = None
    gpu_layers: int | Literal["all", "auto"] = "auto"
    batch: int | None = None
    parallel: int = 1  # a stack has one slot
    flash_attention: bool = True
    gpu_memory_mib: tuple[int, ...] = ()  # free on each GPU; (): as found
    gpu_reserve_mib: int = RESERVE_MIB  # of each GPU, which stays free
    ram_mib: int | None = None  # RAM that is free; None: as found
    device: Device | None = None  # what computes; None for what `auto` takes

    def stack(self, machine: Machine, *, on_gpu: bool) -> BackendBuild:
        """Return what a deploy would run here, on a GPU or not."""
        return stack_here(machine, self.backend, on_gpu=on_gpu, asks_driver=not self.gpu_memory_mib, device=self.device)


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """The sum, what is free for it, the verdict and the alternatives."""

    model: ModelSeen
    choice: Choice
    prompt_cache_mib: int = 0  # RAM that earlier prompts take over time
    is_rough: bool = False  # an estimate, because nothing more exact is known


def fit(machine: Machine, model: str, asked: Asked) -> Fitted:
    """Read a model's header, here or at its source, and compute the memory it takes.

    Raises ModelError if the header can't be read or has no known shape.
    """
    seen = with_catalogue(models_looked_at(machine, model), model, machine)
    refuse_for_chat(seen.name, seen.header.purpose)
    shape = seen.shape
    if shape is None:
        return _of_folder(machine, seen, asked)
    free = free_memory(machine, asked)
    stack = asked.stack(machine, on_gpu=bool(free.gpus_mib))
    stack.refuse(seen.header, seen.name)
    wanted = replace(settings_for(asked, shape, free), usable=seen.good_context or None)
    choice = choose(shape, wanted, stack.reserves, free)
    return Fitted(model=seen, choice=choice, prompt_cache_mib=stack.reserves.prompt_cache_mib)


def _of_folder(machine: Machine, seen: ModelSeen, asked: Asked) -> Fitted:
    """Return the estimate for safetensors, which are loaded as a whole."""
    from stackctl.core.advice import inspection
    from stackctl.core.fit import safetensors_estimate

    if not seen.files:
        raise ModelError(
            f"{seen.name} is a folder of safetensors: the memory that it takes is only known once it is here",
            hint="Pull it first with `stackctl models pull`, or choose a GGUF of it.",
        )
    backend = backends.find_backend(asked.backend)
    if why := inspection.refusal(backend, seen.header.packing):
        able = [one.NAME for one in backends.BACKENDS.values() if not inspection.refusal(one, seen.header.packing)]
        raise ModelError(
            f"{backend.TITLE} can't load {seen.name}: {why}",
            hint=f"Use `--backend {able[0]}`." if able else "Choose a GGUF of the same model.",
            issue="model-format-unsupported",
        )
    if (asked.kv_type or "f16") != "f16" or asked.gpu_layers not in {"auto", "all", 0}:
        raise ModelError(
            f"{seen.name} is a model of safetensors, which is loaded as a whole, with a KV cache of 16 bits",
            hint="Leave out `--kv-cache` and `--gpu-layers`, or choose a GGUF.",
        )
    free = free_memory(machine, asked)
    on_gpu = bool(free.gpus_mib) and asked.gpu_layers != 0
    if not on_gpu and seen.header.packing in backend.MEMORY.gpu_alone:
        raise ModelError(
            f"{backend.TITLE} loads {seen.name}, which is packed as {seen.header.packing.upper()}, on a GPU only",
            hint="Give the free memory of a GPU in MiB with `--gpu-memory 12288`, or choose a GGUF.",
        )
    inside = machine.contents(seen.wanted)
    config = inside.words.config if inside.words else {}
    choice = safetensors_estimate.choose(
        safetensors_estimate.estimate(inside.tensor_files, config, seen.header.packing),
        asked.context,
        backend.MEMORY,
        free,
        on_gpu=on_gpu,
    )
    return Fitted(model=seen, choice=choice, is_rough=True)


def quantisations_of(machine: Machine, model: str, asked: Asked) -> tuple[Suggestion, ...]:
    """Return a row per quantisation of a repository, if none is named and it has several; else ()."""
    source = sources.parse(named_model(machine, model))
    if source is None or source.url or source.quant or source.file:
        return ()
    from stackctl.steps.models.quantisations import quantisations

    listed = repository.quantisations(machine.hub.repository(source))
    if len([one for one in listed if not one.is_folder]) < 2:
        return ()
    free = free_memory(machine, asked)
    stack = asked.stack(machine, on_gpu=bool(free.gpus_mib))
    return quantisations(machine, source, lambda shape: settings_for(asked, shape, free), free, stack)


def settings_for(asked: Asked, shape: Shape, free: Room) -> Wanted:
    """Return what is asked, as choose() takes it; raise ConfigError for a type of cache that the model can't have."""
    if asked.kv_type and (why := cache_type.fault(shape, asked.kv_type, flash_attention=asked.flash_attention)):
        raise ConfigError(
            f"a KV cache of {asked.kv_type} does not suit this model: {why}",
            hint="Use `--kv-cache f16`, or leave it out.",
        )
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


def models_looked_at(machine: Machine, model: str) -> ModelSeen:
    """Return a model by its path, or by its source, of which only the header is read."""
    model = named_model(machine, model)
    source = sources.parse(model)
    if source is None:
        return machine.model(model)
    from stackctl.steps.models.pull import named_download, offered_download
    from stackctl.steps.models.remote import describe_remote

    if source.file.lower().endswith(".gguf") and "-of-" not in source.file:
        with suppress(ModelError):  # asked again below, with the repository's listing, which tells the cause
            return describe_remote(machine, named_download(machine, source)).model
    return describe_remote(machine, offered_download(machine, source)).model


def free_memory(machine: Machine, asked: Asked) -> Room:
    """Return the memory that the model may take; raise ModelError if a GPU is asked for and none is known."""
    found = room(
        machine,
        has_gpu=asked.device != "cpu",
        device=asked.device,
        gpu_memory_mib=asked.gpu_memory_mib,
        ram_mib=asked.ram_mib,
        reserve_mib=asked.gpu_reserve_mib,
    )
    if asked.device not in {None, "cpu"} and not found.gpus_mib:
        if asked.gpu_layers == "auto":
            raise ModelError(
                "no GPU found, so the number of layers that fit is unknown",
                hint="Give its free memory in MiB with `--gpu-memory 12288`, or use `--gpu-layers all`.",
            )
        return found.with_gpus((0,))
    return found
