"""The index of a model's files: as long as it may be, and damaged in every way."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.model.shards import shards
from stackctl.errors import ModelError


def pieces(raw: bytes, size: int = 1 << 20) -> Iterator[bytes]:
    return (raw[at : at + size] for at in range(0, len(raw), size))


def read(raw: bytes, size: int = 1 << 20) -> frozenset[str]:
    return shards(pieces(raw, size), len(raw), name="index.json")


def refusal(raw: bytes) -> str:
    with pytest.raises(ModelError) as caught:
        read(raw)
    assert caught.value.hint
    assert caught.value.message.startswith("index.json ")
    return caught.value.message


def index(files: int, tensors: int) -> bytes:
    where = {
        f"model.layers.{n}.mlp.experts.{n % 128}.w": f"model-{n % files:05d}-of-{files:05d}.safetensors"
        for n in range(tensors)
    }
    return json.dumps({"metadata": {"total_size": 1}, "weight_map": where}, indent=2).encode()


def test_an_index_of_ten_megabytes_is_read_to_its_end() -> None:
    raw = index(61, 130_000)
    assert len(raw) > 10_000_000
    assert len(read(raw)) == 61


@given(st.integers(1, 400), st.integers(1, 9), st.integers(1, 40), st.sampled_from([None, 2]))
def test_where_it_is_cut_into_pieces_makes_no_difference(
    size: int, files: int, tensors: int, indent: int | None
) -> None:
    raw = json.dumps(json.loads(index(files, tensors)), indent=indent).encode()
    assert read(raw, size) == frozenset(f"model-{n:05d}-of-{files:05d}.safetensors" for n in range(min(files, tensors)))


def test_the_order_and_escapes_do_not_matter() -> None:
    assert read(b'{"weight_map": {"a\\"b": "\\u0061.safetensors"}, "metadata": {"x": "y"}}\n') == {"a.safetensors"}
    assert read(b'{"weight_map": {}}') == frozenset()


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x.safetensors", "a/../../x", "a\\..\\x", "", "x\0", "x\u202e", "x\ud800", ".x", "a//b"]
)
def test_a_file_that_it_names_outside_of_its_folder_is_damage_and_shown_with_escapes(name: str) -> None:
    said = refusal(json.dumps({"weight_map": {"a": "model.safetensors", "b": name}}).encode())
    assert said.startswith(f"index.json is damaged: it names a file {name!r}: ")
    assert said.isprintable()


def test_a_file_in_a_folder_of_its_own_is_none_outside() -> None:
    assert read(b'{"weight_map": {"a": "text_encoder/model.safetensors"}}') == {"text_encoder/model.safetensors"}


@pytest.mark.parametrize("at", range(1, 400, 13))
def test_one_that_breaks_off_is_damaged(at: int) -> None:
    raw = index(3, 6)
    assert len(raw) > 400
    assert "is damaged" in refusal(raw[:at])


WRONG: dict[str, tuple[bytes, str]] = {
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n", "is a Git LFS pointer"),
    "html": (b"<html></html>", "is a web page, not JSON"),
    "empty": (b"", "is empty"),
    "zeros": (bytes(100), "begins with zeros"),
    "no map": (b'{"metadata": {}}', "has no weight_map"),
    "list": (b'{"weight_map": ["a"]}', "has no weight_map"),
    "numbers": (b'{"weight_map": {"a": 1}}' + b" " * 40_000, "not one of names and files"),
    "end": (b'{"weight_map": {"a": "b"}', "breaks off"),
    "escape": (b'{"weight_map": {"a": "\\x"}}', "no text"),
    "bytes": (b'{"weight_map": {"a": "\xff"}}', "no text"),
    "long name": (b'{"weight_map": {"a": "' + b"x" * 40_000 + b'"}}', "not one of names and files"),
    "many": (index(10_001, 10_001), "more than 10000 files"),
}


@pytest.mark.parametrize(("raw", "says"), WRONG.values(), ids=WRONG)
def test_what_is_no_index_is_said(raw: bytes, says: str) -> None:
    assert says in refusal(raw)


def test_one_of_a_length_that_none_has_is_not_read() -> None:
    with pytest.raises(ModelError, match="more than any model's"):
        shards(iter(()), 1 << 30, name="index.json")


@given(st.lists(st.tuples(st.integers(0, 700), st.binary(max_size=4)), max_size=5), st.integers(1, 99))
def test_a_changed_index_is_an_error_or_names(changes: list[tuple[int, bytes]], size: int) -> None:
    raw = bytearray(index(3, 6))
    for at, new in changes:
        raw[at : at + len(new)] = new
    try:
        assert all(isinstance(one, str) for one in read(bytes(raw), size))
    except ModelError as error:
        assert error.message.startswith("index.json ")  # noqa: PT017 - either end is right
