"""Writes models of random weights that a backend loads and that answer with noise: to see how fast it reads them.

The blocks' scales are small, so that no value overflows. Nothing in the file is a hole.
"""

import os
import struct
from pathlib import Path

from tests.shapes.family import Model
from tests.shapes.header import KINDS, Value, header, size_of

_BLOCKS = 4096  # made once for each type and then repeated: the speed does not depend on their values
# where a block's 16-bit scales are, and their value (ggml-common.h: block_q4_0, block_q8_0, block_q4_K, ...)
_SCALES = {
    "q4_0": ((0,), 0.004), "q8_0": ((0,), 0.0003), "q4_k": ((0, 2), 0.00008), "q5_k": ((0, 2), 0.00004),
    "q6_k": ((208,), 0.00002),
}  # fmt: skip


def write(path: Path, model: Model, quant: str) -> Path:
    """Write the file. quant: as in Model.tensors(), of q4_0, q8_0 and q4_k_m."""
    tensors = model.tensors(quant)
    raw, _ = header(model.metadata() | _tokenizer(model.vocab), tensors)
    blocks: dict[str, bytes] = {}
    with path.open("wb") as file:
        file.write(raw)
        for kind, shape in tensors.values():
            size = size_of(kind, shape)
            part = blocks.setdefault(kind, _random(kind))
            for _ in range(size // len(part)):
                file.write(part)
            file.write(part[: size % len(part)] + b"\0" * (-size % 32))
    return path


def _tokenizer(vocabulary: int) -> dict[str, Value]:
    """Return a SentencePiece vocabulary that can spell anything in bytes."""
    few = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    return {
        "general.name": "random weights",
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": [*few, *(f"w{number}" for number in range(vocabulary - len(few)))],
        "tokenizer.ggml.scores": [0.0] * vocabulary,
        # a byte that is no character alone is read, but not written: as a control token it has no text
        "tokenizer.ggml.token_type": [2, 3, 3] + [6] * 128 + [3] * 128 + [1] * (vocabulary - len(few)),
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }


def _random(kind: str) -> bytes:
    if kind == "f32":
        return struct.pack(f"<{_BLOCKS}f", *((127.5 + byte) / 256 for byte in os.urandom(_BLOCKS)))
    size, (places, value) = KINDS[kind][2], _SCALES[kind]
    raw, scale = bytearray(os.urandom(_BLOCKS * size)), struct.pack("<e", value)
    for block in range(0, len(raw), size):
        for at in places:
            raw[block + at : block + at + 2] = scale
    return bytes(raw)
