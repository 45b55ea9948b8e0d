"""The types that llama.cpp's quantiser gives to the tensors of a model, by the name of the mix.

Source: llama.cpp's src/llama-quant.cpp (llama_tensor_get_type_impl, tensor_type_fallback), with an imatrix, as those
who publish such files use one. Types are ggml's numbers (core/model/ggml_types).
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from stackctl.core.catalogue.blocks import Untyped
from stackctl.core.model.ggml_types import BLOCKS, TYPES
from stackctl.core.model.tensors import Tensor

_NUMBERS: Final = {name: number for number, name in TYPES.items()}
# the type of most tensors
USUAL: Final[Mapping[str, str]] = {
    "IQ3_XXS": "IQ3_XXS", "IQ3_M": "IQ3_S", "Q3_K_M": "Q3_K", "IQ4_XS": "IQ4_XS", "Q4_0": "Q4_0", "Q4_K_S": "Q4_K",
    "Q4_K_M": "Q4_K", "Q5_K_M": "Q5_K", "Q6_K": "Q6_K", "Q8_0": "Q8_0",
}  # fmt: skip
# where the rows are no multiple of a type's block
_INSTEAD: Final = {
    "IQ2_S": "IQ4_NL", "IQ3_XXS": "IQ4_NL", "IQ3_S": "IQ4_NL", "IQ4_XS": "IQ4_NL", "Q3_K": "Q4_0", "Q4_K": "Q5_0",
    "Q5_K": "Q5_1", "Q6_K": "Q8_0",
}  # fmt: skip
_TABLES: Final = frozenset({"token_embd", "per_layer_token_embd"})
_VALUES: Final = frozenset({"attn_v", "attn_qkv"})
_KEPT: Final = {"ffn_gate_inp": "F32", "ssm_conv1d": "F32", "per_layer_model_proj": "BF16"}  # as the vectors are
_FEW: Final = 4  # heads that share a cache from which on its values are cheap


class Model(NamedTuple):
    """What the rules ask of a model."""

    layers: int
    shared_by: int  # heads that share one of the cache
    experts: int
    is_70b: bool  # llama.cpp calls every llama of 80 layers so
    is_tied: bool


def typed(found: Iterable[Untyped], label: str, model: Model) -> tuple[Tensor, ...]:
    """Return the tensors of a file of that mix, without their places in it."""
    listed = tuple(found)
    values = sum(one.part in _VALUES for one in listed)
    seen = downs = 0
    tensors = []
    for name, part, dimensions in listed:
        if len(dimensions) == 1 or part in _KEPT:
            kind = _KEPT.get(part, "F32")
        else:
            is_down = part.startswith("ffn_down")
            at = int(name.split(".")[1]) if is_down and model.experts else downs if is_down else seen
            kind = _fitting(_wanted(label, part, at, values, model), dimensions[0])
            seen, downs = seen + (part in _VALUES), downs + is_down
        tensors.append(Tensor(name, dimensions, _NUMBERS[kind], 0))
    return tuple(tensors)


def _wanted(label: str, part: str, at: int, values: int, model: Model) -> str:
    usual = USUAL[label]
    if part == "output" or (part in _TABLES and model.is_tied):
        return "Q8_0" if label == "Q8_0" else "Q5_K" if label == "IQ3_XXS" else "Q6_K"
    if part in _TABLES:
        return "IQ3_S" if label == "IQ3_XXS" else usual
    if part in _VALUES:
        return _of_values(label, usual, at, values, model)
    if part.startswith("ffn_down"):
        return _of_downs(label, usual, at, model.layers)
    if part == "attn_output":
        return {"IQ3_XXS": "IQ3_S", "IQ3_M": "Q4_K", "Q3_K_M": "Q4_K"}.get(label, usual)
    if part in {"attn_q", "attn_k"}:
        return "IQ2_S" if label == "IQ3_XXS" else usual
    return usual


def _of_values(label: str, usual: str, at: int, values: int, model: Model) -> str:
    is_cheap = model.shared_by >= _FEW
    kind = {
        "IQ3_XXS": "Q4_K" if is_cheap else usual,
        "IQ3_M": "Q4_K",
        "Q3_K_M": "Q5_K" if at < 2 else "Q4_K",
        "IQ4_XS": "Q5_K" if is_cheap else usual,
        "Q4_K_S": "Q5_K" if at < 4 else usual,
        "Q4_K_M": "Q6_K" if _more(at, values) else usual,
        "Q5_K_M": "Q6_K" if _more(at, values) else usual,
    }.get(label, usual)
    return "Q5_K" if model.is_70b and kind in {"Q3_K", "Q4_K"} else kind


def _of_downs(label: str, usual: str, at: int, layers: int) -> str:
    is_early = at < layers // 8
    return {
        "IQ3_M": "Q4_K" if is_early else usual,
        "Q3_K_M": "Q5_K" if at < layers // 16 else "Q4_K",
        "Q4_0": "Q4_1" if is_early else usual,
        "Q4_K_S": "Q5_K" if is_early else usual,
        "Q4_K_M": "Q6_K" if _more(at, layers) else usual,
        "Q5_K_M": "Q6_K" if _more(at, layers) else usual,
    }.get(label, usual)


def _more(at: int, of: int) -> bool:
    """Return whether a mix gives a layer more bits: the first and last eighth, and every third between."""
    return at < of // 8 or at >= 7 * of // 8 or (at - of // 8) % 3 == 2


def _fitting(kind: str, columns: int) -> str:
    if columns % BLOCKS[_NUMBERS[kind]][0]:
        kind = _INSTEAD.get(kind, kind)
    return "F16" if columns % BLOCKS[_NUMBERS[kind]][0] else kind
