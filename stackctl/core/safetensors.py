"""What a folder of safetensors says of itself: config.json and the tokenizer's files beside it.

Source: the files that Hugging Face's transformers saves with a model (PretrainedConfig, PreTrainedTokenizerBase).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final

from stackctl.core.seen import Header
from stackctl.errors import ModelError

FILES: Final[tuple[str, ...]] = ("config.json", "tokenizer_config.json", "chat_template.jinja", "tekken.json")


def header(texts: Mapping[str, str]) -> Header:
    """The facts that planning needs. `texts`: those of FILES that are there; what is damaged tells nothing."""
    config, tokenizer = (_table(texts.get(name, "")) for name in ("config.json", "tokenizer_config.json"))
    inner = config.get("text_config")  # of a model that sees: its language part
    text = inner if isinstance(inner, Mapping) else config
    architectures = config.get("architectures")
    return Header(
        format="safetensors",
        architecture=str(architectures[0]) if isinstance(architectures, list) and architectures else "",
        trained_context=_count(text.get("max_position_embeddings")),
        layers=_count(text.get("num_hidden_layers")),
        chat_template=texts.get("chat_template.jinja", "") or _chat_template(tokenizer.get("chat_template")),
        tokenizer="tekken" if "tekken.json" in texts else "",
        packing=quantisation(config, ()),
    )


def _chat_template(found: Any) -> str:
    """One text, or several by name, of which the default one counts."""
    if isinstance(found, list):
        named = {one.get("name"): one.get("template") for one in found if isinstance(one, Mapping)}
        found = named.get("default") or next(iter(named.values()), "")
    return found if isinstance(found, str) else ""


def _table(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0


@dataclass(frozen=True, kw_only=True)
class Tensors:
    """The tensors of one file, by its header."""

    types: Mapping[str, tuple[int, int]]  # dtype -> how many, and their bytes
    names: frozenset[str]  # the last part of each name: qweight, weight, ...
    values: int  # of all tensors: parameters, where nothing is packed
    size: int  # bytes the file must have


_BITS: Final = {
    "F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I8": 8, "U8": 8, "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
LONGEST_HEADER: Final = 8 << 20  # bytes; that of a model with 100,000 tensors
_MAX_DIMENSIONS: Final = 16


def tensors(start: bytes, size: int, *, name: str) -> Tensors:
    """Read a file's header from its first bytes; raise ModelError that says what is wrong.

    Format: https://github.com/huggingface/safetensors (8 bytes of length, then JSON).
    """
    length = int.from_bytes(start[:8], "little")
    if size < 8 or length < 2 or length > size - 8:
        raise _damaged(name, f"its header would have {length} bytes, the file has {size}")
    if length > LONGEST_HEADER:
        raise _damaged(name, f"its header has {length} bytes, more than any model needs")
    try:
        content = json.loads(start[8 : 8 + length].decode())
    except (ValueError, RecursionError) as e:
        raise _damaged(name, "its header is no JSON") from e
    if not isinstance(content, dict):
        raise _damaged(name, "its header is no table")
    types: dict[str, tuple[int, int]] = {}
    names, values, end = set(), 0, 0
    for key, one in content.items():
        if key == "__metadata__":
            continue
        kind, count, first, last = _tensor(one, name, key)
        if last - first != count * _BITS.get(kind, 0) // 8 and kind in _BITS:
            raise _damaged(name, f"{key[:80]!r} has other bytes than its shape needs")
        number, so_far = types.get(kind, (0, 0))
        types[kind] = number + 1, so_far + last - first
        names.add(key.rpartition(".")[2][:80])
        values += count
        end = max(end, last)
    whole = 8 + length + end
    if whole > size:
        raise ModelError(
            f"{name} is cut short: {size} bytes of {whole}",
            hint="download it again; an interrupted download leaves such a file",
        )
    return Tensors(types=types, names=frozenset(names), values=values, size=whole)


def _tensor(one: Any, name: str, key: str) -> tuple[str, int, int, int]:
    shape = one.get("shape") if isinstance(one, dict) else None
    offsets = one.get("data_offsets") if isinstance(one, dict) else None
    is_right = (
        isinstance(shape, list)
        and len(shape) <= _MAX_DIMENSIONS
        and all(type(n) is int and 0 <= n < 1 << 48 for n in shape)
        and isinstance(offsets, list)
        and len(offsets) == 2
        and all(type(n) is int and 0 <= n < 1 << 62 for n in offsets)
        and offsets[0] <= offsets[1]
    )
    if not is_right or not isinstance(shape, list) or not isinstance(offsets, list):
        raise _damaged(name, f"the entry {key[:80]!r} makes no sense")
    return str(one.get("dtype"))[:20], prod(shape), offsets[0], offsets[1]


def quantisation(config: Mapping[str, Any], names: Iterable[str]) -> str:
    """How the weights are packed: gptq, awq, exl2, exl3, bitsandbytes, ...; "" for plain numbers.

    What config.json says, else by the tensors' names.
    """
    told = config.get("quantization_config")
    method = told.get("quant_method") if isinstance(told, Mapping) else None
    if isinstance(method, str) and method:
        return method.lower()[:40]
    known = set(names)
    for marks, packing in (
        ({"trellis"}, "exl3"),
        ({"q_weight"}, "exl2"),
        ({"qweight", "g_idx"}, "gptq"),
        ({"qweight", "qzeros"}, "awq"),
        ({"absmax"}, "bitsandbytes"),
    ):
        if marks <= known:
            return packing
    return ""


def shards(index: str) -> frozenset[str]:
    """The names of all files that model.safetensors.index.json says there are."""
    where = _table(index).get("weight_map")
    values = where.values() if isinstance(where, Mapping) else ()
    return frozenset(one for one in values if isinstance(one, str) and "/" not in one)


def config_of(texts: Mapping[str, str]) -> Mapping[str, Any]:
    """config.json's table; {} where it is anything else."""
    return _table(texts.get("config.json", ""))


def _damaged(name: str, what: str) -> ModelError:
    return ModelError(f"{name} is damaged: {what}", hint="download it again and compare its checksum")
