"""The types of KV cache that a model can have.

Source: llama.cpp's src/llama-context.cpp. llama_init_from_model refuses a quantised type whose block does not divide
the length of a layer's heads (n_embd_head_k, n_embd_head_v), and a quantised V without flash attention; llama_context
turns flash attention off for grok.
"""

from typing import Final

from stackctl.core.fit.settings import KV_TYPES, PLAIN
from stackctl.core.model.shape import Shape

_BLOCK: Final = 32  # values in a block of each quantised type of KV_TYPES (ggml-common.h: QK8_0, QK5_1, QK4_NL, ...)
_NEVER_FLASH: Final = frozenset({"grok"})


def fault(shape: Shape, kv_type: str, *, flash_attention: bool) -> str:
    """Return why a model can't have this type of cache; "" if it can."""
    if kv_type in PLAIN or kv_type not in KV_TYPES:
        return ""
    if odd := sorted(length for length in _head_lengths(shape) if length % _BLOCK):
        return f"blocks of {_BLOCK} values do not divide its heads of {odd[0]}"
    if shape.architecture in _NEVER_FLASH:
        return f"that needs flash attention, which llama.cpp does not use for {shape.architecture}"
    return "" if flash_attention else "that needs flash attention"


def able(shape: Shape, *, flash_attention: bool) -> tuple[str, ...]:
    """Return the types of cache that a model can have."""
    return tuple(one for one in KV_TYPES if not fault(shape, one, flash_attention=flash_attention))


def _head_lengths(shape: Shape) -> set[int]:
    """Return the values that one head has as K and as V, in every layer with a cache."""
    cached = [layer for layer in shape.layers if layer.kv_heads]
    return {one // layer.kv_heads for layer in cached for one in (layer.key, layer.value)}
