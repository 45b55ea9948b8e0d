"""The tokens that a chat template writes, by the tokenizer's files."""

import json

import pytest

from stackctl.core.model import safetensors


@pytest.mark.parametrize(
    ("tokenizer", "expected"),
    [
        ({"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": False}}, ("<s>", "</s>", True)),
        ({"bos_token": None, "eos_token": "<|im_end|>", "add_bos_token": False}, ("", "<|im_end|>", False)),
        ({"eos_token": {"content": 3}, "bos_token": ["x"]}, ("", "", True)),
        ({"eos_token": "x" * 999}, ("", "x" * 200, True)),
    ],
)
def test_a_token_is_a_text_or_a_table_with_one(tokenizer: object, expected: tuple[str, str, bool]) -> None:
    texts = {"config.json": "{}", "tokenizer_config.json": json.dumps(tokenizer)}
    found = safetensors.header(safetensors.words(texts, folder="model"), "")
    assert (found.bos, found.eos, found.adds_bos) == expected
