"""Part of two stand-ins for tests, never what a user gets: the metadata at the head of a GGUF file.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO, Final

MAGIC: Final = b"GGUF"
_FORMATS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LONGEST_NAME: Final = 65535

Value = str | int | float | bool


def has_magic(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def metadata(path: Path) -> dict[str, Value]:
    """The single values of the header; arrays are read past. A header that is no header is a ValueError."""
    found: dict[str, Value] = {}
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError(f"{path}: no GGUF file")
        _version, _tensors, pairs = _unpack("IQQ", file)
        for _ in range(int(pairs)):
            key = _string(file)
            (kind,) = _unpack("I", file)
            if kind == _ARRAY:
                kind, length = _unpack("IQ", file)
                for _ in range(int(length)):
                    _value(int(kind), file)
            else:
                found[key] = _value(int(kind), file)
    return found


def _value(kind: int, file: IO[bytes]) -> Value:
    if kind == _STRING:
        return _string(file)
    if kind not in _FORMATS:
        raise ValueError(f"{kind} is not a valid GGUFValueType")
    return _unpack(_FORMATS[kind], file)[0]


def _string(file: IO[bytes]) -> str:
    (length,) = _unpack("Q", file)
    raw = file.read(int(length)) if length <= _LONGEST_NAME * 64 else b""
    if len(raw) != length:
        raise ValueError("the header ends inside a string")
    return raw.decode(errors="replace")


def _unpack(layout: str, file: IO[bytes]) -> tuple[int | float | bool, ...]:
    size = struct.calcsize("<" + layout)
    raw = file.read(size)
    if len(raw) != size:
        raise ValueError(f"unpack requires a buffer of {size} bytes")
    return struct.unpack("<" + layout, raw)
