"""The samplers that a model's own files recommend: known ones alone, as numbers that make sense."""

import json
from typing import Any

import pytest

from stackctl.core.model import gguf, safetensors, samplers
from stackctl.core.model.model import Header
from tests.shapes.header import header
from tests.shapes.measured import MODELS


def header_with(**more: Any) -> Header:
    metadata = {**MODELS["gemma-3-4b"].metadata(), **{key.replace("__", "."): one for key, one in more.items()}}
    raw, size = header(metadata, MODELS["gemma-3-4b"].tensors())
    return gguf.header(gguf.read(raw, size, name="m.gguf"))


def test_a_gguf_tells_them_and_its_repositories_in_its_metadata() -> None:
    found = header_with(
        general__sampling__temp=1.0,
        general__sampling__top_p=0.95,
        general__sampling__top_k=64,
        general__sampling__penalty_repeat=1.05,
        general__sampling__sequence="temp;top_k",
        general__base_model__0__repo_url="https://huggingface.co/google/gemma-3-4b-it",
        general__repo_url="https://example.org/google/gemma",
    )
    assert found.samplers == {"temperature": 1.0, "top_p": 0.95, "top_k": 64, "repetition_penalty": 1.05}
    assert found.repos == ("google/gemma-3-4b-it",)
    assert header_with().samplers == {}


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"temperature": 0.6, "top_k": 20, "eos_token_id": 2}, {"temperature": 0.6, "top_k": 20}),
        ({"temperature": 0.6, "do_sample": True}, {"temperature": 0.6}),
        ({"temperature": 0.6, "do_sample": False}, {}),  # it is not to be sampled at all
        ({"temperature": 1}, {"temperature": 1.0}),
        ({"temperature": "0.6", "top_p": None, "top_k": 20.5, "min_p": True}, {}),
        ({"temperature": float("nan"), "top_p": float("inf"), "top_k": -1, "min_p": 7, "repetition_penalty": 0}, {}),
        ({"temperature": 1e300, "top_k": 10**400}, {}),
    ],
)
def test_generation_config_tells_them_beside_safetensors(config: dict[str, Any], found: dict[str, float]) -> None:
    assert samplers.of_generation_config(config) == found
    texts = {"config.json": "{}", "generation_config.json": json.dumps(config)}
    assert safetensors.header(safetensors.words(texts, folder="m"), "").samplers == found


@pytest.mark.parametrize("text", ["[]", "{", '{"temperature": 1} x', "\0"])
def test_a_damaged_generation_config_is_none(text: str) -> None:
    texts = {"config.json": "{}", "generation_config.json": text}
    assert safetensors.header(safetensors.words(texts, folder="m"), "").samplers == {}
