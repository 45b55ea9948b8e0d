"""A hundred and forty models in the numbers of their public config.json, over nearly all architectures of llama.cpp.

families.jsonl: each one's metadata, and the tensors that llama.cpp itself makes of it (llama_model_init_from_user),
with types as its quantiser gives them. A tensor: name, type, dimensions, and the blocks that have it.
families.csv: what llama.cpp 0.7.0 (build 11669, Debian) reserves for them in MiB, by its own account before it
allocates (no_alloc), with Mesa's software Vulkan device, its limit per buffer raised to 4 GiB, or with that one two or
four times, which share the layers evenly. Left out: one model on two GPUs, where what was free on each had moved a
block to the other one; rows whose buffer exceeds 4000 MiB, which that device splits.
"""

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

from stackctl.core.fit import Shape
from stackctl.core.model import gguf, gguf_shape
from tests.shapes.header import header

_HERE = Path(__file__).parent
ROWS = list(csv.DictReader((_HERE / "families.csv").read_text(encoding="utf-8").splitlines()))
_MODELS: dict[str, dict[str, Any]] = {
    model["name"]: model
    for model in map(json.loads, (_HERE / "families.jsonl").read_text(encoding="utf-8").splitlines())
}
NAMES = tuple(_MODELS)
WITH_EXPERTS = tuple(name for name in NAMES if any(".expert_count" in key for key in _MODELS[name]["metadata"]))


@cache
def shape(model: str) -> Shape:
    found = _MODELS[model]
    tensors = {
        name.replace("*", str(block)): (kind, tuple(int(one) for one in dimensions.split("x")))
        for name, kind, dimensions, *blocks in found["tensors"]
        for block in (_numbers(blocks[0]) if blocks else (0,))
    }
    raw, size = header(found["metadata"], tensors)
    return gguf_shape.shape_of(gguf.read(raw, size, name=model))


def _numbers(spans: str) -> list[int]:
    """0-2,5 as 0, 1, 2, 5."""
    ends = (span.partition("-") for span in spans.split(","))
    return [n for first, _, last in ends for n in range(int(first), int(last or first) + 1)]
