"""The header that a model's file has, built from its entry, so that the rules of core/model/gguf_shape judge it."""

from dataclasses import replace
from functools import lru_cache
from typing import Final

from stackctl.core.catalogue import blocks, mixes, recipes
from stackctl.core.catalogue.entry import Entry, Numbers
from stackctl.core.model import gguf_shape
from stackctl.core.model.gguf import GgufFile, Value
from stackctl.core.model.shape import Layer, Shape
from stackctl.core.model.tensors import Tensor

_OF_70B: Final = 80  # layers
_NO_MIX: Final = frozenset({"Q8_0"})  # all that is quantised has this type, whoever made the file


def shape_of(entry: Entry, label: str) -> Shape:
    """Return the shape of one quantisation of a model; its weights are those of the file where its size was seen."""
    return _shape(entry.architecture, entry.shape, entry.context, label, _size(entry, label))


def file_size(entry: Entry, label: str) -> int:
    """Return the bytes of one quantisation's file: as seen, else as computed."""
    return _size(entry, label) or _sum(entry.architecture, entry.shape, label)


def header(entry: Entry, label: str) -> GgufFile:
    """Return the header of one quantisation's file, without what memory does not depend on."""
    return _header(entry.architecture, entry.shape, entry.context, label, _size(entry, label))


def _size(entry: Entry, label: str) -> int:
    """Return the bytes of a file, as far as files that were seen tell; 0 if its mix is llama.cpp's.

    Whoever gives one mix more bits than llama.cpp does gives them to the others, too.
    """
    if seen := entry.files.get(label, 0):
        return seen
    others = [(one, size) for one, size in entry.files.items() if size and one not in _NO_MIX]
    if label in _NO_MIX or not others:
        return 0
    shares = [size / _sum(entry.architecture, entry.shape, one) for one, size in others]
    return round(_sum(entry.architecture, entry.shape, label) * sum(shares) / len(shares))


@lru_cache(maxsize=1024)
def _sum(architecture: str, numbers: Numbers, label: str) -> int:
    """Return the bytes of a mix as llama.cpp makes it."""
    return sum(tensor.size for tensor in _tensors(architecture, numbers, label))


@lru_cache(maxsize=512)  # a comparison of many machines asks again and again
def _shape(architecture: str, numbers: Numbers, context: int, label: str, size: int) -> Shape:
    shape = gguf_shape.shape_of(_header(architecture, numbers, context, label, size))
    same: dict[Layer, Layer] = {}  # most layers are the same: each is kept once
    return replace(shape, layers=tuple(same.setdefault(layer, layer) for layer in shape.layers))


@lru_cache(maxsize=16)
def _tensors(architecture: str, numbers: Numbers, label: str) -> tuple[Tensor, ...]:
    model = mixes.Model(
        layers=numbers.layers + numbers.predicting_layers,
        shared_by=numbers.heads // numbers.kv_heads,
        experts=numbers.experts,
        is_70b=architecture == "llama" and numbers.layers == _OF_70B,
        is_tied=numbers.tied,
    )
    return mixes.typed(blocks.tensors(architecture, numbers), label, model)


def _header(architecture: str, numbers: Numbers, context: int, label: str, size: int) -> GgufFile:
    tensors = _tensors(architecture, numbers, label)
    if size:
        tensors = recipes.resized(tensors, size)
    own = {key: value for key, value in _metadata(numbers, context).items() if value}
    return GgufFile(
        version=3,
        metadata={"general.architecture": architecture, **{f"{architecture}.{key}": own[key] for key in own}},
        lengths={},
        special={},
        tensors=tensors,
        header_size=0,
        size=sum(tensor.size for tensor in tensors),
    )


def _metadata(numbers: Numbers, context: int) -> dict[str, Value]:
    blocks_in_all = numbers.layers + numbers.predicting_layers
    found: dict[str, Value] = {
        "context_length": context,
        "embedding_length": numbers.embedding,
        "block_count": blocks_in_all,
        "nextn_predict_layers": numbers.predicting_layers,
        "feed_forward_length": _feed_forward(numbers),
        "attention.head_count": numbers.heads,
        "attention.head_count_kv": _each([blocks.kv_heads(numbers, index) for index in range(blocks_in_all)]),
        "attention.key_length": numbers.global_head or numbers.head,
        "attention.value_length": numbers.global_head or numbers.head,
        "attention.sliding_window": numbers.window,
        "attention.shared_kv_layers": numbers.shared_cache_layers,
        "embedding_length_per_layer_input": numbers.layer_embedding,
        "vocab_size": numbers.vocabulary,
        "expert_count": numbers.experts,
        "expert_used_count": numbers.used,
        "leading_dense_block_count": numbers.dense_layers,
        "full_attention_interval": numbers.attention_every,
    }
    if numbers.experts:
        found["expert_feed_forward_length"] = numbers.feed_forward
        found["expert_shared_feed_forward_length"] = numbers.shared_feed_forward
    if numbers.window_every:
        found["attention.key_length_swa"] = found["attention.value_length_swa"] = numbers.head
        found["attention.sliding_window_pattern"] = tuple(
            not blocks.sees_everything(numbers, index) for index in range(blocks_in_all)
        )
    if numbers.attention_every:
        found |= {
            "ssm.conv_kernel": blocks.CONVOLUTION,
            "ssm.inner_size": numbers.linear_value_heads * numbers.linear_head,
            "ssm.state_size": numbers.linear_head,
            "ssm.time_step_rank": numbers.linear_value_heads,
            "ssm.group_count": numbers.linear_key_heads,
        }
    return found


def _feed_forward(numbers: Numbers) -> Value:
    dense = numbers.dense_feed_forward or (numbers.shared_feed_forward if numbers.experts else numbers.feed_forward)
    late = numbers.late_feed_forward or dense
    return _each([dense] * (numbers.layers - numbers.shared_cache_layers) + [late] * numbers.shared_cache_layers)


def _each(values: list[int]) -> Value:
    """Return one value for all layers, or one for each where they differ."""
    return values[0] if len(set(values)) == 1 else tuple(values)
