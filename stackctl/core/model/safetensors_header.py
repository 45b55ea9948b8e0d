"""The header of a safetensors file: the type, shape and position of each tensor.

Format: https://github.com/huggingface/safetensors (8 bytes of length, then JSON, then the tensors without a gap).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any, Final

from stackctl.core.formats import bounded_json
from stackctl.core.model.file_signature import AGAIN, CUT_SHORT, advice, describe_mismatch
from stackctl.errors import ModelError

BITS: Final[Mapping[str, int]] = {
    "C64": 64, "F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16,
    "U16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I8": 8, "U8": 8,
    "BOOL": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
LONGEST: Final = 8 << 20  # bytes of a header; 20,000 tensors take about 3 million
_MOST: Final = 300_000  # values in it; a tensor is 8 or 9
_MAX_DIMENSIONS, _MAX_TYPES = 16, 64
# parts of tensor names that show the packing, see safetensors.quantisation
MARKS: Final = frozenset({"trellis", "q_weight", "qweight", "g_idx", "qzeros", "absmax", "weight_packed"})
_SCALES: Final = (
    "_scale",
    "_scale_inv",
    "_scales",
    "_scale_2",
)  # factors for other tensors, which count as no parameters


@dataclass(frozen=True, kw_only=True)
class Tensors:
    """The tensors of one file, by its header."""

    types: Mapping[str, tuple[int, int]]  # dtype -> how many, and their bytes
    marks: frozenset[str]  # those of MARKS with which a tensor's name ends
    values: int  # of all tensors: the number of parameters, if nothing is packed
    size: int  # bytes of the file


def tensors(start: bytes, size: int, *, name: str) -> Tensors:
    """Return a file's header from its first bytes; raise ModelError if it is none or damaged."""
    length, content = _content(start, size, name)
    types: dict[str, tuple[int, int]] = {}
    marks: frozenset[str] = frozenset()
    values = 0
    places: list[tuple[int, int]] = [(0, 0)]
    for key, one in content.items():
        if key == "__metadata__":
            continue
        kind, count, first, last = _tensor(one, name, key)
        if kind in BITS and 8 * (last - first) != count * BITS[kind]:
            raise _damaged(name, f"{_shown(key)} has another size than its shape needs")
        number, so_far = types.get(kind, (0, 0))
        types[kind] = number + 1, so_far + last - first
        marks |= MARKS & {key.rpartition(".")[2]}
        values += 0 if key.endswith(_SCALES) else count
        places.append((first, last))
    if len(types) > _MAX_TYPES:
        raise _damaged(name, f"its tensors have {len(types)} types")
    whole = 8 + length + _end(sorted(places), name)
    if whole > size:
        raise _cut(name, size, whole)
    if whole < size:
        raise _damaged(name, f"{size - whole} bytes of it belong to no tensor")
    return Tensors(types=types, marks=marks, values=values, size=whole)


def _content(start: bytes, size: int, name: str) -> tuple[int, dict[str, Any]]:
    """Return the header's length and its content."""
    length = int.from_bytes(start[:8], "little")
    if start[8:9] != b"{":
        if what := describe_mismatch(start, size, "a safetensors file"):
            raise ModelError(f"{name} {what}", hint=advice(start), issue="model-format-unsupported")
        raise _damaged(name, "its first bytes are not those of a safetensors file")
    if length > LONGEST:
        raise _damaged(name, f"its header has {length} bytes, more than any model needs")
    if length > size - 8:
        raise _cut(name, size, 8 + length)
    try:  # latin-1: one character for each byte, so that the text takes no more memory than the file
        return length, bounded_json.parse(start[8 : 8 + length].decode("latin-1"), _MOST, is_strict=True)
    except bounded_json.NoTable as e:
        raise _damaged(name, f"its header {e}") from e


def _end(places: list[tuple[int, int]], name: str) -> int:
    """Return the end of the last tensor. The format allows neither gaps nor overlaps."""
    for (_, end), (begin, _) in pairwise(places):
        if begin != end:
            what = "overlap" if begin < end else "leave a gap"
            raise _damaged(name, f"its tensors {what} at byte {min(begin, end)} of the data")
    return places[-1][1]


def _tensor(one: Any, name: str, key: str) -> tuple[str, int, int, int]:
    """Return a tensor's type, number of values, first byte, and the byte after its last one."""
    kind, shape, offsets = (
        (one.get("dtype"), one.get("shape"), one.get("data_offsets")) if isinstance(one, dict) else (None, None, None)
    )
    is_right = (
        isinstance(kind, str)
        and isinstance(shape, list)
        and len(shape) <= _MAX_DIMENSIONS
        and all(type(n) is int and 0 <= n < 1 << 48 for n in shape)
        and isinstance(offsets, list)
        and len(offsets) == 2
        and all(type(n) is int and 0 <= n < 1 << 62 for n in offsets)
        and offsets[0] <= offsets[1]
    )
    if not is_right or not isinstance(shape, list) or not isinstance(offsets, list):
        raise _damaged(name, f"the entry {_shown(key)} is malformed")
    return str(kind)[:20], prod(shape), offsets[0], offsets[1]


def _shown(key: str) -> str:
    try:
        return repr(key[:80].encode("latin-1").decode())
    except UnicodeError:
        return repr(key[:80])


def _cut(name: str, size: int, whole: int) -> ModelError:
    return ModelError(
        f"{name} is cut short: {size} bytes of {whole}",
        hint=CUT_SHORT,
        issue="model-damaged",
    )


def _damaged(name: str, what: str) -> ModelError:
    return ModelError(f"{name} is damaged: {what}", hint=AGAIN, issue="model-damaged")
