"""The types of tensors in files that have more or fewer bits than llama.cpp's mix of that name.

Some who publish files give single tensors other types than llama.cpp's quantiser does. Where the size of their file is
known, types are changed until the sum is that size: attention first, as those who say what they change do.
"""

from collections.abc import Callable
from typing import Final

from stackctl.core.model.ggml_types import BLOCKS, TYPES
from stackctl.core.model.tensors import Tensor

_NEAR: Final = 0.005  # a sum within this share of the size needs no change
_STEPS: Final = 4
_NUMBERS: Final = {name: number for number, name in TYPES.items()}
_FINER: Final = {
    "IQ2_S": "IQ3_XXS", "IQ3_XXS": "IQ3_S", "IQ3_S": "Q4_K", "Q3_K": "Q4_K", "IQ4_XS": "Q5_K", "Q4_K": "Q5_K",
    "Q5_K": "Q6_K", "Q6_K": "Q8_0", "Q4_0": "Q5_0", "Q4_1": "Q5_0", "IQ4_NL": "Q5_0", "Q5_0": "Q8_0", "Q5_1": "Q8_0",
}  # fmt: skip
_COARSER: Final = {
    "IQ3_XXS": "IQ2_S", "IQ3_S": "IQ3_XXS", "Q4_K": "Q3_K", "IQ4_XS": "Q3_K", "Q5_K": "Q4_K", "Q6_K": "Q5_K",
    "Q4_1": "Q4_0", "Q5_0": "Q4_0", "Q5_1": "Q5_0",
}  # fmt: skip


def resized(tensors: tuple[Tensor, ...], size: int) -> tuple[Tensor, ...]:
    """Return the tensors with types that come as near to a file's bytes as they can."""
    found, missing = list(tensors), size - sum(tensor.size for tensor in tensors)
    steps, groups = (_FINER, _GROUPS) if missing > 0 else (_COARSER, _GROUPS[::-1])
    numbers = {_NUMBERS[one]: _NUMBERS[other] for one, other in steps.items()}
    members = [[index for index, tensor in enumerate(tensors) if belongs(tensor.name)] for belongs in groups]
    for index in [index for _ in range(_STEPS) for group in members for index in group]:
        if abs(missing) <= size * _NEAR:
            break
        tensor = found[index]
        kind = numbers.get(tensor.kind)
        if kind is None or tensor.shape[0] % BLOCKS[kind][0]:
            continue
        other = tensor._replace(kind=kind)
        after = missing + tensor.size - other.size
        if abs(after) < abs(missing):
            found[index], missing = other, after
    return tuple(found)


def _is_attention(name: str) -> bool:
    return ".attn_" in name or ".ssm_" in name


def _is_of_every_token(name: str) -> bool:
    return ".ffn_" in name and "_exps" not in name


def _is_down(name: str) -> bool:
    return ".ffn_down_exps" in name


def _is_other(name: str) -> bool:
    return not (_is_attention(name) or _is_of_every_token(name) or _is_down(name))


_GROUPS: Final[tuple[Callable[[str], bool], ...]] = (_is_attention, _is_of_every_token, _is_down, _is_other)
