"""The tensors of a model, as llama.cpp's converter names them, by the numbers of its catalogue entry.

Source: llama.cpp's conversion and src/models/*.cpp; held against its own tables in tests/shapes/families.jsonl.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from stackctl.core.catalogue.entry import Numbers

_Named = tuple[str, tuple[int, ...]]  # a name and the dimensions, the innermost first
CONVOLUTION: Final = 4  # tokens that a layer with a state mixes (linear_conv_kernel_dim)
_NORM_OF_HEADS: Final = frozenset({"qwen3", "qwen3moe", "qwen35", "qwen35moe", "gemma3", "gemma4", "glm4moe"})
_NORM_BEFORE: Final = frozenset({"qwen35", "qwen35moe", "glm4moe"})  # of the feed-forward: it has attention's name
_NORM_AFTER: Final = frozenset({"gemma2", "gemma3", "gemma4"})
_BIASED: Final = frozenset({"qwen2"})


class Untyped(NamedTuple):
    """A tensor without its type. part: its name without the block and "weight"."""

    name: str
    part: str
    dimensions: tuple[int, ...]  # the innermost first


@lru_cache(maxsize=1)  # they are the same for all quantisations of a model
def tensors(architecture: str, numbers: Numbers) -> tuple[Untyped, ...]:
    """Return every tensor, the blocks in their order."""
    return tuple(
        Untyped(name, name.removesuffix(".weight").rpartition(".")[2], dimensions)
        for name, dimensions in _tensors(architecture, numbers)
    )


def _tensors(architecture: str, numbers: Numbers) -> Iterator[_Named]:
    width = numbers.embedding
    yield "token_embd.weight", (width, numbers.vocabulary)
    if each := numbers.layer_embedding:
        yield "per_layer_token_embd.weight", (each * numbers.layers, numbers.vocabulary)
        yield "per_layer_model_proj.weight", (width, each * numbers.layers)
        yield "per_layer_proj_norm.weight", (each,)
    yield "output_norm.weight", (width,)
    if not numbers.tied:
        yield "output.weight", (width, numbers.vocabulary)
    for index in range(numbers.layers + numbers.predicting_layers):
        for name, dimensions in _block(architecture, numbers, index):
            yield f"blk.{index}.{name}", dimensions


def sees_everything(numbers: Numbers, index: int) -> bool:
    """Return whether a layer's attention sees more than the window."""
    return not numbers.window_every or index % numbers.window_every == numbers.window_every - 1


def has_state(numbers: Numbers, index: int) -> bool:
    """Return whether a layer has a state instead of attention."""
    every = numbers.attention_every
    return bool(every) and index < numbers.layers and index % every != every - 1


def head(numbers: Numbers, index: int) -> int:
    """Return the values of one head of a layer."""
    return numbers.global_head or numbers.head if sees_everything(numbers, index) else numbers.head


def kv_heads(numbers: Numbers, index: int) -> int:
    return numbers.global_kv_heads or numbers.kv_heads if sees_everything(numbers, index) else numbers.kv_heads


def _block(architecture: str, numbers: Numbers, index: int) -> Iterator[_Named]:
    width = numbers.embedding
    yield "attn_norm.weight", (width,)
    if has_state(numbers, index):
        yield from _linear(numbers)
    else:
        yield from _attention(architecture, numbers, index)
    if architecture in _NORM_AFTER | _NORM_BEFORE:
        yield "post_attention_norm.weight", (width,)
    if architecture not in _NORM_BEFORE:
        yield "ffn_norm.weight", (width,)
    yield from _feed_forward(architecture, numbers, index)
    if architecture in _NORM_AFTER:
        yield "post_ffw_norm.weight", (width,)
    if architecture == "gemma4":
        yield "layer_output_scale.weight", (1,)
    if each := numbers.layer_embedding:
        yield from (("inp_gate.weight", (width, each)), ("proj.weight", (each, width)), ("post_norm.weight", (width,)))
    if index >= numbers.layers:
        yield from _prediction(numbers)


def _attention(architecture: str, numbers: Numbers, index: int) -> Iterator[_Named]:
    width, one = numbers.embedding, head(numbers, index)
    wide, narrow = numbers.heads * one, kv_heads(numbers, index) * one
    sizes = {"q": wide * (2 if numbers.gated_attention else 1), "k": narrow, "v": narrow}
    if numbers.value_is_key and sees_everything(numbers, index):
        del sizes["v"]
    for name, size in sizes.items():
        yield f"attn_{name}.weight", (width, size)
        if architecture in _BIASED or (architecture == "glm4moe" and numbers.biased):
            yield f"attn_{name}.bias", (size,)
    yield "attn_output.weight", (wide, width)
    if architecture in _NORM_OF_HEADS:
        yield from (("attn_q_norm.weight", (one,)), ("attn_k_norm.weight", (one,)))


def _linear(numbers: Numbers) -> Iterator[_Named]:
    """Return those of a gated delta net, as Qwen3.5 has it."""
    width, values = numbers.embedding, numbers.linear_value_heads
    inner = values * numbers.linear_head
    mixed = inner + 2 * numbers.linear_key_heads * numbers.linear_head
    yield from (("attn_qkv.weight", (width, mixed)), ("attn_gate.weight", (width, inner)))
    yield from (("ssm_conv1d.weight", (CONVOLUTION, mixed)), ("ssm_dt.bias", (values,)), ("ssm_a", (values,)))
    yield from (("ssm_beta.weight", (width, values)), ("ssm_alpha.weight", (width, values)))
    yield from (("ssm_norm.weight", (numbers.linear_head,)), ("ssm_out.weight", (inner, width)))


def _feed_forward(architecture: str, numbers: Numbers, index: int) -> Iterator[_Named]:
    width = numbers.embedding
    if not numbers.experts or index < numbers.dense_layers:
        is_late = index >= numbers.layers - numbers.shared_cache_layers
        inner = (numbers.late_feed_forward if is_late else 0) or numbers.dense_feed_forward or numbers.feed_forward
        yield from _gated("", width, inner)
        return
    yield "ffn_gate_inp.weight", (width, numbers.experts)
    yield from _gated("_exps", width, numbers.feed_forward, numbers.experts)
    if architecture == "gemma4":  # its dense feed-forward runs beside the experts, and each has norms
        yield from _gated("", width, numbers.shared_feed_forward)
        yield "ffn_gate_inp.scale", (width,)
        for name in ("pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2"):
            yield f"{name}.weight", (width,)
    elif numbers.shared_feed_forward:
        yield from _gated("_shexp", width, numbers.shared_feed_forward)
    if architecture == "glm4moe":
        yield "exp_probs_b.bias", (numbers.experts,)
    if architecture == "qwen35moe":
        yield "ffn_gate_inp_shexp.weight", (width,)


def _gated(suffix: str, width: int, inner: int, *experts: int) -> Iterator[_Named]:
    yield f"ffn_gate{suffix}.weight", (width, inner, *experts)
    yield f"ffn_down{suffix}.weight", (inner, width, *experts)
    yield f"ffn_up{suffix}.weight", (width, inner, *experts)


def _prediction(numbers: Numbers) -> Iterator[_Named]:
    """Return those of a layer that predicts further tokens, beside its block; llama.cpp does not load them."""
    width = numbers.embedding
    yield "nextn.eh_proj.weight", (2 * width, width)
    yield from ((f"nextn.{name}.weight", (width,)) for name in ("enorm", "hnorm", "shared_head_norm"))
