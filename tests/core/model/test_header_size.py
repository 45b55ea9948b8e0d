"""How long a header is, by its beginning: near enough for one more range, for vocabularies of real length."""

import struct
from dataclasses import replace
from functools import cache

import pytest

from stackctl.core.model import gguf
from stackctl.errors import ModelError
from tests.shapes.family import Model
from tests.shapes.header import Value, entry, header
from tests.shapes.vocabularies import VOCABULARIES, Vocabulary

MIB = 1 << 20
SHAPE = Model(arch="llama", layers=48, embd=256, ff=512, heads=8, kv_heads=2, vocab=1000)


@cache
def head(name: str) -> bytes:
    return made(VOCABULARIES[name])


def made(vocabulary: Vocabulary) -> bytes:
    return header({**SHAPE.metadata(), **vocabulary.metadata()}, SHAPE.tensors("q8_0"))[0]


def needed(raw: bytes) -> int:
    return gguf.needed_bytes(raw, 1 << 40, name="x.gguf")


@pytest.mark.parametrize("name", VOCABULARIES)
def test_the_guess_is_hardly_more_than_the_header(name: str) -> None:
    raw = head(name)
    if len(raw) > MIB:
        assert len(raw) <= needed(raw[:MIB]) <= len(raw) + MIB
    assert needed(raw + b"\0" * 100) == len(raw) + 100  # there is enough: no more is wanted


@pytest.mark.parametrize("eighth", range(1, 8))
@pytest.mark.parametrize("name", ["llama-bpe", "qwen2", "gemma4"])
def test_wherever_the_beginning_ends_there_is_progress_and_no_waste(name: str, eighth: int) -> None:
    raw = head(name)
    have = len(raw) * eighth // 8
    assert have + MIB // 4 <= needed(raw[:have]) <= len(raw) + 2 * MIB


def test_of_merges_that_nobody_expects_the_number_is_told_by_the_next_range() -> None:
    raw = made(replace(VOCABULARIES["tekken"], pre="new"))
    second = needed(raw[:MIB])
    assert second < len(raw) <= needed(raw[:second]) <= len(raw) + MIB


def test_merges_may_come_first() -> None:
    data = VOCABULARIES["qwen2"].metadata()
    merges = {"tokenizer.ggml.merges": data.pop("tokenizer.ggml.merges")}
    raw = header({**SHAPE.metadata(), "tokenizer.ggml.model": "gpt2", **merges, **data}, SHAPE.tensors("q8_0"))[0]
    second = needed(raw[:MIB])
    assert second < len(raw) <= needed(raw[:second]) <= len(raw) + MIB


@pytest.mark.parametrize(("kind", "count"), [(5, 1 << 60), (5, 2**64 - 1), (12, 1 << 40)])
def test_an_array_of_numbers_that_lies_wants_more_than_any_header_has(kind: int, count: int) -> None:
    pairs: dict[str, Value] = {"general.architecture": "llama"}
    raw = b"GGUF" + struct.pack("<IQQ", 3, 1, 2) + entry("general.architecture", pairs["general.architecture"])
    raw += struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, kind, count)
    assert needed(raw + b"\0" * 5000) > 1 << 40


def test_strings_that_lie_want_a_little_more_or_are_refused() -> None:
    raw = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + struct.pack("<Q", 1) + b"k"
    for length in (2**64 - 1, 1 << 40, 1 << 62):
        lie = raw + struct.pack("<IIQ", 9, 8, 4_000_000) + struct.pack("<Q", length) + b"o" * 5000
        assert len(lie) < needed(lie) <= len(lie) + MIB
    with pytest.raises(ModelError, match="impossible length of an array"):
        needed(raw + struct.pack("<IIQ", 9, 8, 4_000_001))
