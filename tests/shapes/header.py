"""Writes GGUF headers of any shape: metadata and a tensor table, whose data may be a hole in a sparse file."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

KINDS = {
    "f32": (0, 1, 4), "f16": (1, 1, 2), "q4_0": (2, 32, 18), "q5_0": (6, 32, 22), "q5_1": (7, 32, 24),
    "q8_0": (8, 32, 34), "q3_k": (11, 256, 110), "q4_k": (12, 256, 144), "q5_k": (13, 256, 176),
    "q6_k": (14, 256, 210), "iq4_nl": (20, 32, 18), "iq4_xs": (23, 256, 136), "i32": (26, 1, 4), "mxfp4": (39, 32, 17),
    "nvfp4": (40, 64, 36), "q1_0": (41, 128, 18), "q2_0": (42, 64, 18),
    "iq4_kss": (146, 256, 128), "q4_0_4_4": (31, 32, 18),  # which llama.cpp does not load
}  # fmt: skip
Value = int | float | bool | str | Sequence[int] | Sequence[float] | Sequence[str]
_ALIGNMENT = 32


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def entry(key: str, value: Value) -> bytes:
    head = text(key)
    if isinstance(value, bool):
        return head + struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return head + struct.pack("<II", 4, value)
    if isinstance(value, float):
        return head + struct.pack("<If", 6, value)
    if isinstance(value, str):
        return head + struct.pack("<I", 8) + text(value)
    if value and isinstance(value[0], str):
        return head + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(text(str(one)) for one in value)
    if value and isinstance(value[0], float):
        return head + struct.pack(f"<IIQ{len(value)}f", 9, 6, len(value), *(float(one) for one in value))
    if value and isinstance(value[0], bool):
        return head + struct.pack(f"<IIQ{len(value)}?", 9, 7, len(value), *value)
    return head + struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *(int(one) for one in value))


def size_of(kind: str, shape: Sequence[int]) -> int:
    _, per_block, block = KINDS[kind]
    count = 1
    for one in shape:
        count *= one
    return count // per_block * block


def header(metadata: Mapping[str, Value], tensors: Mapping[str, tuple[str, Sequence[int]]]) -> tuple[bytes, int]:
    """The header's bytes, padded to where the data begins, and the size of the whole file."""
    rows, at = [], 0
    for name, (kind, shape) in tensors.items():
        rows.append(text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, KINDS[kind][0], at))
        at += -(-size_of(kind, shape) // _ALIGNMENT) * _ALIGNMENT
    pairs = [entry(key, value) for key, value in metadata.items()]
    raw = b"GGUF" + struct.pack("<IQQ", 3, len(rows), len(pairs)) + b"".join(pairs) + b"".join(rows)
    raw += b"\0" * (-len(raw) % _ALIGNMENT)
    return raw, len(raw) + at


def sparse(path: Path, metadata: Mapping[str, Value], tensors: Mapping[str, tuple[str, Sequence[int]]]) -> Path:
    """A file of that shape whose tensor data is a hole: zeros that take no room."""
    raw, size = header(metadata, tensors)
    with path.open("wb") as file:
        file.write(raw)
        file.truncate(size)
    return path
