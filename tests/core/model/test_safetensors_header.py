"""A safetensors header: read as the format has it; what the format forbids is a damaged file."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.model.safetensors_header import LONGEST, Tensors, tensors
from stackctl.errors import ModelError


def entry(kind: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}


def file(table: dict[str, Any] | bytes, data: int = 0) -> bytes:
    raw = table if isinstance(table, bytes) else json.dumps(table).encode()
    return struct.pack("<Q", len(raw)) + raw + b"\0" * data


def read(raw: bytes, size: int | None = None) -> Tensors:
    return tensors(raw[: LONGEST + 8], len(raw) if size is None else size, name="x.safetensors")


def refusal(raw: bytes, size: int | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        read(raw, size)
    assert caught.value.hint
    assert caught.value.message.startswith("x.safetensors ")
    return caught.value.message


def test_types_parameters_and_size_are_counted() -> None:
    table = {
        "__metadata__": {"format": "pt"},
        "b.weight": entry("F32", [2], 8, 16),
        "a.weight": entry("BF16", [2, 2], 0, 8),
        "a.weight_scale_inv": entry("F32", [1], 16, 20),
        "empty": entry("F32", [0, 4], 20, 20),
        "scalar": entry("I64", [], 20, 28),
    }
    found = read(file(table, 28))
    assert found.types == {"F32": (3, 12), "BF16": (1, 8), "I64": (1, 8)}
    assert found.values == 2 + 4 + 1  # a scale is no parameter
    assert found.size == len(file(table, 28))


def test_types_of_less_than_a_byte_are_counted() -> None:
    assert read(file({"a": entry("F4", [4, 4], 0, 8), "b": entry("F6_E2M3", [8], 8, 14)}, 14)).values == 24


def test_a_type_that_is_not_known_is_told_and_its_bytes_still_count() -> None:
    table = {"a": entry("Q7", [3], 0, 5), "b": entry("U8", [2], 5, 7)}
    assert read(file(table, 7)).types == {"Q7": (1, 5), "U8": (1, 2)}
    assert "is cut short" in refusal(file(table, 6))
    assert "leave a gap" in refusal(file({"a": entry("Q7", [3], 0, 5), "b": entry("U8", [2], 6, 8)}, 8))


ONE = entry("U8", [4], 0, 4)
DAMAGED: dict[str, tuple[bytes, str]] = {
    "overlap": (file({"a": ONE, "b": entry("U8", [4], 2, 6)}, 6), "overlap at byte 2"),
    "same place": (file({"a": ONE, "b": ONE}, 4), "overlap"),
    "gap": (file({"a": ONE, "b": entry("U8", [4], 6, 10)}, 10), "leave a gap at byte 4"),
    "gap before": (file({"a": entry("U8", [4], 4, 8)}, 8), "leave a gap at byte 0"),
    "behind": (file({"a": ONE}, 9), "5 bytes of it belong to no tensor"),
    "twice": (file(b'{"a":%b,"a":%b}' % ((json.dumps(ONE).encode(),) * 2), 4), "has 'a' twice"),
    "twice inside": (file(b'{"a":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}}', 4), "twice"),
    "bytes": (file({"a": entry("F16", [4], 0, 4)}, 4), "another size than its shape"),
    "half a byte": (file({"a": entry("F4", [3], 0, 1)}, 1), "another size than its shape"),
    "backwards": (file({"a": entry("U8", [4], 4, 0)}, 4), "is malformed"),
    "negative": (file({"a": entry("U8", [-4], 0, 4)}, 4), "is malformed"),
    "fraction": (file({"a": {"dtype": "U8", "shape": [4.0], "data_offsets": [0, 4]}}, 4), "is malformed"),
    "no type": (file({"a": {"shape": [4], "data_offsets": [0, 4]}}, 4), "is malformed"),
    "list": (file(b"[]"), "not those of a safetensors"),
    "no json": (file(b'{"a":'), "is no JSON"),
    "deep": (file(b'{"a":' + b"[" * 5000), "is nested too deeply"),
    "many types": (file({f"{n}": entry(f"T{n}", [0], 0, 0) for n in range(65)}), "65 types"),
    "many parts": (file(b'{"a":[' + b"{}," * 300_000 + b"0]}"), "more entries than are read"),
    "long": (file(b'{"a":"' + b"x" * LONGEST + b'"}'), "more than any model needs"),
}


@pytest.mark.parametrize(("raw", "says"), DAMAGED.values(), ids=DAMAGED)
def test_what_the_format_forbids_is_damaged(raw: bytes, says: str) -> None:
    message = refusal(raw)
    assert "is damaged" in message
    assert says in message


@pytest.mark.parametrize("size", range(9, len(file({"a": ONE}, 4)), 5))
def test_a_file_that_breaks_off_is_said(size: int) -> None:
    assert f"is cut short: {size} bytes of " in refusal(file({"a": ONE}, 4)[:size])


NO_TENSORS = {
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n", "is a Git LFS pointer of 63 bytes"),
    "html": (b"<!DOCTYPE html><html></html>", "is a web page, not a safetensors file"),
    "zip": (b"PK\x03\x04" + bytes(60), "is a zip archive"),
    "zeros": (bytes(4096), "begins with zeros"),
    "empty": (b"", "is empty"),
    "gguf": (b"GGUF" + bytes(60), "is a GGUF, not a safetensors file"),
    "refusal": (b"Entry not found", "is a server's refusal"),
    "text": (b"hello, this is a text", "is damaged: its first bytes"),
}


@pytest.mark.parametrize(("raw", "says"), NO_TENSORS.values(), ids=NO_TENSORS)
def test_what_is_no_safetensors_file_is_named_for_what_it_is(raw: bytes, says: str) -> None:
    assert says in refusal(raw)


def test_a_name_in_any_script_is_shown_as_it_is() -> None:
    table = {"\u5c64.\u91cd\u307f": entry("U8", [4], 0, 9)}
    assert "'\u5c64.\u91cd\u307f'" in refusal(file(json.dumps(table, ensure_ascii=False).encode(), 9))


NUMBERS = st.one_of(st.integers(-2, 70), st.sampled_from([2**31, 2**63, 2**64]), st.floats(), st.none())
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F32", "U8", "F4", "X", 1, None]),
        "shape": st.lists(NUMBERS, max_size=4),
        "data_offsets": st.lists(NUMBERS, max_size=3),
    },
)


@given(st.dictionaries(st.text(max_size=6), ENTRIES, max_size=6), st.integers(0, 200), st.integers(-9, 9))
def test_any_header_is_an_error_or_a_file_whose_bytes_each_belong_to_one_tensor(
    table: dict[str, Any], data: int, off: int
) -> None:
    raw = bytearray(file(table, data))
    raw[0] = max(0, min(255, raw[0] + off))
    try:
        found = read(bytes(raw))
    except ModelError as error:
        assert error.message.startswith("x.safetensors ")  # noqa: PT017 - either end is right
        return
    assert found.size == len(raw)
    assert sum(size for _, size in found.types.values()) == len(raw) - 8 - int.from_bytes(raw[:8], "little")
