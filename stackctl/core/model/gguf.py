"""Reads the header of a GGUF file, or says what else the file is.

Works on any buffer (a memory map of a 40 GB file costs nothing) and reads only the header. Counts, lengths and
nesting are bounded before anything is allocated, so that a hostile file ends in a clear error.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from stackctl.core.model import gguf_strings, header_size, origins, samplers
from stackctl.core.model.file_signature import AGAIN, CUT_SHORT, ENOUGH, advice, describe_mismatch, is_text
from stackctl.core.model.header_size import Array
from stackctl.core.model.model import Header
from stackctl.core.model.not_chat import lacks_layers, not_for_chat
from stackctl.core.model.special_tokens import special_tokens
from stackctl.core.model.tensors import Tensor, with_room
from stackctl.errors import ModelError

Buffer = bytes | memoryview
Number = int | float | bool
# None for a skipped array: one of texts, or a very long one
Value = Number | str | tuple[Number, ...] | tuple[str, ...] | None

_SCALARS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_INSTEAD: Final = "Use a .gguf file of the model: Hugging Face lists them under Quantizations."
_STRING, _ARRAY = 8, 9
LONGEST: Final = 48 << 20  # bytes of a header; the largest vocabularies take some 20 million
MAX_TENSORS: Final = 100_000
_MAX_PAIRS, _MAX_DIMENSIONS, _MAX_KEY = 65_536, 8, 65_535
_MAX_KEPT = 1 << 20  # longest string that is kept; longer ones are cut
_MAX_KEPT_IN_ALL = 8 << 20  # bytes of all strings together; a chat template has some ten thousand
_MAX_ARRAY = 4096  # longest array of numbers that is kept: one value per layer, not one per token
_MAX_NUMBERS = 1 << 18  # numbers in all kept arrays together
_AT_LEAST_MORE = 256 << 10  # bytes
_LANGUAGES, _MAX_LANGUAGES = "general.languages", 200  # the only texts in an array that are kept
_TOKENS: Final = "tokenizer.ggml.tokens"
_MAX_STRINGS = 4_000_000  # in all arrays together; the largest vocabularies have about 300,000


@dataclass(frozen=True, kw_only=True)
class GgufFile:
    """A GGUF header: metadata, tensor table, and the sizes that follow from them."""

    version: int
    metadata: dict[str, Value]
    lengths: dict[str, int]  # the lengths of all arrays in the metadata, including skipped ones
    tensors: tuple[Tensor, ...]
    header_size: int  # bytes before the tensor data
    size: int  # the least bytes that the file must have, by its tensor table
    # "bos", "eos" -> the text of that token; read only beside a chat template, which uses it
    special: Mapping[str, str] = field(default_factory=dict)

    def number(self, key: str) -> int:
        """Return a positive whole number of the metadata; 0 if it is missing or something else."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0

    @property
    def languages(self) -> tuple[str, ...]:
        value = self.metadata.get(_LANGUAGES)
        return tuple(one for one in value if isinstance(one, str)) if isinstance(value, tuple) else ()

    def text(self, key: str) -> str:
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""


def header(found: GgufFile, *others: GgufFile) -> Header:
    """Return the facts of a GGUF's header that planning needs. others: its parts after the first."""
    architecture = found.text("general.architecture")
    purpose = not_for_chat(architecture, found.text("general.type"), found.number(f"{architecture}.pooling_type"))
    if not purpose and found.number("split.count") < 2:  # else other parts may have the layers
        purpose = lacks_layers([one.name for one in found.tensors], _TOKENS in found.metadata)
    return Header(
        format="gguf",
        architecture=architecture,
        title=found.text("general.name"),
        trained_context=found.number(f"{architecture}.context_length"),
        layers=found.number(f"{architecture}.block_count"),
        chat_template=found.text("tokenizer.chat_template"),
        bos=found.special.get("bos", ""),
        eos=found.special.get("eos", ""),
        adds_bos=found.metadata.get("tokenizer.ggml.add_bos_token") is not False,
        tokenizer=found.text("tokenizer.ggml.pre"),
        tokenizer_kind=found.text("tokenizer.ggml.model"),
        repos=origins.repos(found.text),
        samplers=samplers.of_gguf(found.metadata),
        types=tuple(sorted({tensor.kind for part in (found, *others) for tensor in part.tensors})),
        purpose=purpose,
    )


def early_purpose(start: bytes, size: int, *, is_split: bool, name: str) -> str:
    """Return why a GGUF is not a chat model, by the first bytes of its header; "" if these do not tell.

    Raise ModelError if it is no GGUF. is_split: whether its name is that of a part, which finds the others.
    """
    found, reader = _start(start, size, name)
    if reader and not is_split and isinstance(place := reader.metadata.get("split.no"), int) and place > 0:
        return f"it is part {place + 1} of a split model under a name that llama.cpp does not accept"
    if found or reader is None:
        return header(found).purpose if found else ""
    said = {key: str(reader.metadata.get(f"general.{key}", "")) for key in ("architecture", "type")}
    pooling = reader.metadata.get(f"{said['architecture']}.pooling_type")
    purpose = not_for_chat(said["architecture"], said["type"], pooling if isinstance(pooling, int) else 0)
    has_tensors = any(start[8:16])  # their number
    return purpose or ("" if is_split or has_tensors else lacks_layers((), has_vocabulary=True))


def read(buffer: Buffer, size: int, *, name: str) -> GgufFile:
    """Return the GGUF header at the start of a file of `size` bytes; raise ModelError if it is none or damaged."""
    found = read_start(buffer, size, name=name)
    if found is None:
        raise ModelError(
            f"{name} is cut short: its header ends after {size} bytes",
            hint=CUT_SHORT,
            issue="model-damaged",
        )
    if found.size > size:
        raise ModelError(
            f"{name} is cut short: {size} bytes of at least {found.size}",
            hint=CUT_SHORT,
            issue="model-damaged",
        )
    return found


def read_start(buffer: Buffer, size: int, *, name: str) -> GgufFile | None:
    """Return the GGUF header of a file's first bytes; None if it is longer. The size of the file is not checked."""
    return _start(buffer, size, name)[0]


def needed_bytes(buffer: Buffer, size: int, *, name: str) -> int:
    """Return about how many bytes the header has, estimated from its beginning."""
    found, reader = _start(buffer, size, name)
    if found or reader is None:
        return len(buffer)
    tokenizer, pre = (str(reader.metadata.get(f"tokenizer.ggml.{key}", "")) for key in ("model", "pre"))
    return max(len(buffer) + _AT_LEAST_MORE, header_size.estimate(reader.buffer, reader.arrays, tokenizer, pre))


def _start(buffer: Buffer, size: int, name: str) -> "tuple[GgufFile | None, _Reader | None]":
    if bytes(buffer[:4]) != b"GGUF":
        first = bytes(buffer[:ENOUGH])
        what = describe_mismatch(first, size, "a GGUF") or (
            "is a text file, not a GGUF" if is_text(first) else "is not a GGUF model (its first bytes are not GGUF)"
        )
        raise ModelError(f"{name} {what}", hint=advice(first, _INSTEAD), issue="model-format-unsupported")
    reader = _Reader(memoryview(buffer)[:LONGEST], name)
    try:
        return _read(reader, size), reader
    except struct.error as e:
        if len(buffer) >= LONGEST:
            raise reader.damaged("length of its header") from e
        return None, reader


class _Reader:
    def __init__(self, buffer: Buffer, name: str) -> None:
        self.buffer, self.name, self.at = memoryview(buffer), name, 0
        self.metadata: dict[str, Value] = {}
        self.arrays: dict[str, Array] = {}
        self.strings_left, self.bytes_left, self.numbers_left = _MAX_STRINGS, _MAX_KEPT_IN_ALL, _MAX_NUMBERS

    def scalar(self, code: str) -> int | float | bool:
        value: int | float | bool = struct.unpack_from("<" + code, self.buffer, self.at)[0]
        self.at += struct.calcsize("<" + code)
        return value

    def count(self, code: str, limit: int, what: str) -> int:
        value = int(self.scalar(code))
        if value > limit:
            raise self.damaged(f"{what}: {value}")
        return value

    def skip(self, size: int) -> None:
        if size > len(self.buffer) - self.at:
            raise struct.error("past the end")
        self.at += size

    def string(self) -> str:
        size = int(self.scalar("Q"))
        start = self.at
        self.skip(size)
        kept = min(size, _MAX_KEPT)
        self.bytes_left -= kept
        if self.bytes_left < 0:
            raise self.damaged("length of its texts in all")
        return bytes(self.buffer[start : start + kept]).decode("utf-8", "replace")

    def numbers(self, code: str, count: int) -> tuple[Number, ...]:
        start = self.at
        self.skip(count * struct.calcsize("<" + code))
        return struct.unpack_from(f"<{count}{code}", self.buffer, start)

    def skip_strings(self, count: int) -> None:
        """Skip an array of strings."""
        self.strings_left -= count
        if self.strings_left < 0:
            raise self.damaged(f"length of an array: {count}")
        self.skip(gguf_strings.skip_strings(self.buffer, self.at, count) - self.at)

    def damaged(self, what: str) -> ModelError:
        return ModelError(f"{self.name} is damaged: impossible {what}", hint=AGAIN, issue="model-damaged")


def _read(reader: _Reader, size: int) -> GgufFile:
    reader.skip(4)
    version = int(reader.scalar("I"))
    if version and not version & 0xFFFF:
        raise ModelError(
            f"{reader.name} is a big-endian GGUF, made for machines such as IBM Z",
            hint="Use a little-endian file of the model, or convert this one with `gguf-convert-endian` (of the Python "
            "package gguf).",
            issue="model-format-unsupported",
        )
    if version not in {2, 3}:
        raise ModelError(
            f"{reader.name} is GGUF version {version}, which none of the backends reads",
            hint="Use a newer conversion of the model (GGUF version 3).",
            issue="model-format-unsupported",
        )
    tensors = reader.count("Q", MAX_TENSORS, "number of tensors")
    pairs = reader.count("Q", _MAX_PAIRS, "number of metadata entries")
    metadata = reader.metadata
    for _ in range(pairs):
        key = reader.string()
        if len(key) > _MAX_KEY:
            raise reader.damaged("length of a key")
        kind = int(reader.scalar("I"))
        if kind == _ARRAY:
            metadata[key] = _array(reader, key)
        else:
            metadata[key] = _value(reader, kind)
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20:
        raise reader.damaged("alignment")
    found = tuple(_tensor(reader) for _ in range(tensors))
    start = -(-reader.at // alignment) * alignment
    found = with_room(found, size - start)
    end = max((tensor.offset + tensor.size for tensor in found), default=0)
    return GgufFile(
        version=version,
        metadata=metadata,
        lengths={key: array.length for key, array in reader.arrays.items()},
        tensors=found,
        header_size=start,
        special=special_tokens(reader.buffer, reader.arrays.get(_TOKENS), metadata)
        if metadata.get("tokenizer.chat_template")
        else {},
        size=start + end if end else reader.at,
    )


def _value(reader: _Reader, kind: int) -> Value:
    if kind in _SCALARS:
        return reader.scalar(_SCALARS[kind])
    if kind == _STRING:
        return reader.string()
    raise reader.damaged(f"type of a value: {kind}")


def _array(reader: _Reader, key: str) -> Value:
    """Return the values of a short array of numbers, or the languages; None for any other array."""
    inner, count = int(reader.scalar("I")), int(reader.scalar("Q"))
    if inner not in _SCALARS and inner != _STRING:  # the format allows arrays of arrays, but no model has one
        raise reader.damaged(f"type of an array: {inner}")
    width = struct.calcsize("<" + _SCALARS[inner]) if inner in _SCALARS else 0
    array = reader.arrays[key] = Array(reader.at, count, width)
    value: Value = None
    if not width and key == _LANGUAGES and count <= _MAX_LANGUAGES:
        value = tuple(reader.string() for _ in range(count))
    elif not width:
        reader.skip_strings(count)
    elif count > _MAX_ARRAY:
        reader.skip(count * width)
    else:
        reader.numbers_left -= count
        if reader.numbers_left < 0:
            raise reader.damaged("length of its arrays of numbers in all")
        value = reader.numbers(_SCALARS[inner], count)
    reader.arrays[key] = array._replace(end=reader.at)
    return value


def _tensor(reader: _Reader) -> Tensor:
    name = reader.string()
    dimensions = reader.count("I", _MAX_DIMENSIONS, "number of dimensions")
    shape = tuple(map(int, reader.numbers("Q", dimensions)))
    return Tensor(name, shape, int(reader.scalar("I")), int(reader.scalar("Q")))
