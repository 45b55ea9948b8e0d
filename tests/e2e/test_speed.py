"""The speed that a plan states against the one that the proof measures: llama.cpp on this machine's CPU."""

import json
from dataclasses import replace

import pytest

from tests.e2e.conftest import Stack
from tests.shapes.family import Model
from tests.shapes.random_weights import write

pytestmark = [pytest.mark.engine, pytest.mark.machines]
MIB = 2**20
DENSE = Model(arch="llama", layers=12, embd=2048, ff=5632, heads=16, kv_heads=4, vocab=32_000)
EXPERTS = Model(
    arch="qwen3moe",
    layers=18,
    embd=1024,
    ff=2048,
    ff_expert=512,
    heads=8,
    kv_heads=2,
    head=128,
    experts=32,
    used=4,
    vocab=32_000,
)


@pytest.mark.parametrize(
    ("model", "quant"), [(DENSE, "q8_0"), (replace(DENSE, layers=21), "q4_k_m"), (EXPERTS, "q8_0")]
)
def test_the_speed_of_the_plan_is_within_half_of_the_measured_one(stack: Stack, model: Model, quant: str) -> None:
    path = write(stack.folder / "random.gguf", model, quant)
    assert path.stat().st_size > 500_000_000
    planned = json.loads(stack.run("deploy", "--model", path.name, "--images", "own", "--dry-run", "--json").stdout)
    result = stack.deploy("--model", path.name)
    expected, measured = result["expected_tokens_per_s"], result["tokens_per_s"]
    assert planned["expected_tokens_per_s"] == pytest.approx(expected, rel=0.5)
    assert measured / 1.5 < expected < measured * 1.5
