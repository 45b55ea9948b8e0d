"""The record of a deploy: the same comes back from its file, and what changed is said in a few words."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core import history
from stackctl.core.history import FileUsed, ImageUsed, Record, differences

IMAGE = ImageUsed(service="llamacpp", name="llama:1", id="sha256:1", digest="sha256:a")
MODEL = FileUsed(path="/models/a.gguf", size=7, modified_ns=1)
RECORD = Record(
    time="2026-11-25T10:00:00Z",
    stackctl="0.1.0",
    inputs="0123456789abcdef",
    backend="llamacpp",
    model="a.gguf",
    context=8192,
    kv_cache="f16",
    gpu_layers="auto",
    port=8000,
    images=(IMAGE,),
    model_files=(MODEL,),
    program=None,
    ready_s=3.5,
    first_token_s=0.25,
    tokens_per_s=120.5,
)


FIGURES = st.none() | st.floats(0, 1e9)


@given(st.builds(Record, ready_s=FIGURES, first_token_s=FIGURES, tokens_per_s=FIGURES))
def test_the_same_record_comes_back(record: Record) -> None:
    assert history.parse(history.dump(record)) == record


def test_a_record_of_a_version_that_knew_no_gpus_still_loads() -> None:
    plain = json.loads(history.dump(RECORD))
    older = {key: value for key, value in plain.items() if key not in {"layers_on_gpu", "layers", "gpus"}}
    assert len(older) == len(plain) - 3
    assert history.parse(json.dumps(older)) == RECORD


def damaged(**change: Any) -> str:
    return json.dumps(json.loads(history.dump(RECORD)) | change)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "1",
        "[" * 100_000,
        history.dump(RECORD)[:-9],
        damaged(version=2),
        damaged(version=None),
        damaged(context="8192"),
        damaged(images={}),
        damaged(images=[{"service": "llamacpp"}]),
        damaged(program=[]),
    ],
)
def test_what_is_no_record_is_none(text: str) -> None:
    assert history.parse(text) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, ()),
        ({"time": "2026-11-26T10:00:00Z", "ready_s": 9.0, "tokens_per_s": None}, ()),
        ({"inputs": "other"}, ("other settings",)),
        ({"inputs": "other", "context": 4096}, ("context 8192 -> 4096",)),
        ({"stackctl": "0.2.0"}, ("stackctl 0.1.0 -> 0.2.0",)),
        ({"backend": "koboldcpp", "program": MODEL}, ("backend llamacpp -> koboldcpp",)),
        ({"model": "b.gguf", "model_files": ()}, ("model a.gguf -> b.gguf",)),
        ({"model_files": (replace(MODEL, size=8),)}, ("the model's files",)),
        ({"model_files": (replace(MODEL, modified_ns=8, sha256=""),)}, ("the model's files",)),
        ({"model_files": (replace(MODEL, sha256="aa"),)}, ()),  # it was only summed meanwhile
        ({"model_files": ()}, ("the model's files",)),
        ({"model_files": (replace(MODEL, path="/elsewhere/a.gguf"),)}, ("the place of the model's files",)),
        ({"model_files": (replace(MODEL, path="/elsewhere/a.gguf", sha256=""),)}, ("the place of the model's files",)),
        ({"kv_cache": "q8_0"}, ("KV cache f16 -> q8_0",)),
        ({"gpu_layers": ""}, ("GPU layers auto -> none",)),
        ({"port": None}, ("port 8000 -> none",)),
        ({"program": MODEL}, ("the backend's program",)),
        ({"images": (replace(IMAGE, id="sha256:2"),)}, ("the image of llamacpp",)),
        ({"images": (replace(IMAGE, name="llama:2"),)}, ("the image of llamacpp",)),
        ({"images": (replace(IMAGE, service="api"),)}, ("with api", "without llamacpp")),
        ({"kv_cache": "q8_0", "port": 8001}, ("KV cache f16 -> q8_0", "port 8000 -> 8001")),
    ],
)
def test_what_changed_is_said_in_a_few_words(change: dict[str, Any], says: tuple[str, ...]) -> None:
    assert differences(RECORD, replace(RECORD, **change)) == says


def test_of_a_program_or_model_that_was_moved_the_place_alone_has_changed() -> None:
    summed = replace(MODEL, sha256="aa")
    before = replace(RECORD, model_files=(summed, summed), program=summed)
    moved = replace(summed, path="/elsewhere/a.gguf", modified_ns=9)
    places = ("the place of the model's files", "the place of the backend's program")
    assert differences(before, replace(before, model_files=(moved, moved), program=moved)) == places
    other = replace(moved, sha256="bb")
    now = replace(before, model_files=(moved, other), program=other)
    assert differences(before, now) == ("the model's files", "the backend's program")


def test_a_number_stands_in_the_files_name_and_other_names_have_none() -> None:
    assert history.number_of(history.file_name(12)) == 12
    for name in ("0.json", "01.json", "-1.json", "1.json.kept-1", ".1.json.9.new", "٣.json", "9999999999.json", "x"):
        assert history.number_of(name) is None
