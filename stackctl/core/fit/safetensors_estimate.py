"""The memory of a safetensors model: an estimate, rougher than the sum for a GGUF.

Weights are the files' bytes, as Transformers and ExLlamaV3 load them. The cache has 16 bits for every key and value at
the whole context, though Transformers' cache grows with the chat. The loader's part was measured by others (see
Reserves.folder_mib).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stackctl.core.fit import Fit, Memory, Reserves, Settings
from stackctl.core.fit.choice import CONTEXT, Alternative, Choice, Room, what_lacks
from stackctl.core.fit.speed import tokens_per_s
from stackctl.core.model.safetensors_header import Tensors

_MIB: Final = 1 << 20
_CACHE_BYTES: Final = 2  # per value of K and V
_LEAST: Final = 2048  # tokens; a smaller context is not offered


@dataclass(frozen=True, kw_only=True)
class Folder:
    """The properties of a safetensors model that decide its memory."""

    weights: int  # bytes after loading
    layers: int
    cached: int  # values of K and V for a token, in all layers
    trained_context: int  # tokens; 0 if unknown


def estimate(files: Iterable[Tensors], config: Mapping[str, Any], packing: str) -> Folder:
    """Return the properties from the weights' headers and config.json (keys of PretrainedConfig); 0 if missing."""
    inner = config.get("text_config")  # the language part of a model with vision
    text = inner if isinstance(inner, Mapping) else config

    def number(key: str) -> int:
        value = text.get(key)
        return value if type(value) is int and value > 0 else 0

    heads, layers = number("num_attention_heads"), number("num_hidden_layers")
    head = number("head_dim") or (number("hidden_size") // heads if heads else 0)
    each = 2 * (number("num_key_value_heads") or heads) * head
    if number("kv_lora_rank"):  # DeepSeek's MLA: Transformers caches the expanded latent
        each = heads * (number("qk_nope_head_dim") + number("qk_rope_head_dim") + number("v_head_dim"))
    types = [one for file in files for one in file.types.items()]
    has_whole_floats = not packing  # floats are loaded as 16 bits, whatever their size in the file
    weights = sum(size // 2 if kind == "F32" and has_whole_floats else size for kind, (_, size) in types)
    return Folder(
        weights=weights, layers=layers, cached=layers * each, trained_context=number("max_position_embeddings")
    )


def choose(model: Folder, context: int | None, reserves: Reserves, room: Room, *, on_gpu: bool) -> Choice:
    """Return how it would run with that context: wholly on the GPUs, with equal shares, or in RAM."""
    trained = model.trained_context
    context = context or min(CONTEXT, trained or CONTEXT)
    found = _fit(model, context, reserves, room, on_gpu=on_gpu)
    others = [one for one in (context // 2, context * 2) if one >= _LEAST and (not trained or one <= trained)]
    missing = what_lacks(found, room, has_margin=False)
    return Choice(
        fit=found,
        fits=not missing,
        room=room,
        problems=tuple(missing),
        tokens_per_s=tokens_per_s(found, room.bandwidths, room.sizes_mib),
        alternatives=tuple(
            _alternative(found, _fit(model, one, reserves, room, on_gpu=on_gpu), room) for one in others
        ),
        usable=trained,
    )


def _fit(model: Folder, context: int, reserves: Reserves, room: Room, *, on_gpu: bool) -> Fit:
    cache = context * model.cached * _CACHE_BYTES
    split = tuple(float(max(1, one)) for one in room.gpus_mib) if on_gpu else ()
    settings = Settings(context=context, device="cuda" if on_gpu else "cpu", split=split)
    if not on_gpu:
        host = Memory(
            weights_mib=_mib(model.weights),
            kv_cache_mib=_mib(cache),
            overhead_mib=float(reserves.base_mib),
            read_mib=_mib(model.weights),
        )
        return Fit(devices=(), host=host, gpu_layers=0, blocks=model.layers, settings=settings)
    devices = tuple(
        Memory(
            weights_mib=_mib(model.weights * share / sum(split)),
            kv_cache_mib=_mib(cache * share / sum(split)),
            overhead_mib=float(reserves.folder_mib),
            read_mib=_mib(model.weights * share / sum(split)),
        )
        for share in split
    )
    host = Memory(overhead_mib=float(reserves.base_mib))
    return Fit(devices=devices, host=host, gpu_layers=model.layers + 1, blocks=model.layers, settings=settings)


def _alternative(found: Fit, other: Fit, room: Room) -> Alternative:
    context = other.settings.context
    has_less = context < found.settings.context
    return Alternative(
        change=f"context = {context}",
        effect="the chat forgets sooner" if has_less else "the chat remembers more",
        saves_mib=round(_taken(found) - _taken(other), 2),
        fits=not what_lacks(other, room, has_margin=False),
        fit=other,
    )


def _taken(one: Fit) -> float:
    return sum(place.total_mib for place in one.devices or (one.host,))


def _mib(size: float) -> float:
    return round(size / _MIB, 2)
