"""The header that a model's file has, built from its entry, so that the rules of core/model/gguf_shape judge it."""

from stackctl.core.catalogue.entry import Entry
from stackctl.core.model import gguf_shape
from stackctl.core.model.gguf import GgufFile, Value
from stackctl.core.model.shape import Shape
from stackctl.core.model.tensors import Tensor

_KINDS = {"IQ3_XXS": 18, "IQ3_M": 21, "IQ4_XS": 23, "Q3_K_M": 11, "Q4_K_M": 12, "Q5_K_M": 13, "Q6_K": 14, "Q8_0": 8}


def shape_of(entry: Entry, label: str) -> Shape:
    """Return the shape of one quantisation of a model of the catalogue."""
    return gguf_shape.shape_of(header(entry, label))


def file_size(entry: Entry, label: str) -> int:
    """Return the bytes of one quantisation's file: as seen, else as computed from its header."""
    return entry.files.get(label) or shape_of(entry, label).weights


def header(entry: Entry, label: str) -> GgufFile:
    """Return the header of one quantisation's file, without what memory does not depend on."""
    numbers, kind = entry.shape, _KINDS[label]
    wide, narrow = numbers.heads * numbers.head, numbers.kv_heads * numbers.head
    tensors = [Tensor("token_embd.weight", (numbers.embedding, numbers.vocabulary), kind, 0)]
    if not numbers.tied:
        tensors.append(Tensor("output.weight", (numbers.embedding, numbers.vocabulary), kind, 0))
    experts = (numbers.experts,) if numbers.experts else ()
    suffix = "_exps" if experts else ""
    for index in range(numbers.layers):
        for name, shape in (
            ("attn_q", (numbers.embedding, wide)),
            ("attn_k", (numbers.embedding, narrow)),
            ("attn_v", (numbers.embedding, narrow)),
            ("attn_output", (wide, numbers.embedding)),
            (f"ffn_gate{suffix}", (numbers.embedding, numbers.feed_forward, *experts)),
            (f"ffn_down{suffix}", (numbers.feed_forward, numbers.embedding, *experts)),
            (f"ffn_up{suffix}", (numbers.embedding, numbers.feed_forward, *experts)),
        ):
            tensors.append(Tensor(f"blk.{index}.{name}.weight", shape, kind, 0))
    own: dict[str, Value] = {
        "context_length": entry.good, "embedding_length": numbers.embedding, "block_count": numbers.layers,
        "feed_forward_length": numbers.feed_forward, "attention.head_count": numbers.heads,
        "attention.head_count_kv": numbers.kv_heads, "attention.key_length": numbers.head,
        "attention.value_length": numbers.head, "vocab_size": numbers.vocabulary,
        "attention.sliding_window": numbers.window, "expert_count": numbers.experts,
        "expert_used_count": numbers.used,
    }  # fmt: skip
    metadata: dict[str, Value] = {"general.architecture": entry.architecture}
    metadata |= {f"{entry.architecture}.{key}": value for key, value in own.items() if value}
    return GgufFile(
        version=3, metadata=metadata, lengths={}, tensors=tuple(tensors), header_size=0,
        size=sum(tensor.size for tensor in tensors),
    )  # fmt: skip
