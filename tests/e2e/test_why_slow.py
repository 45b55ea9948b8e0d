"""`stackctl why-slow` on the real llama.cpp: what was made slow is named first, and what was not is left alone.

The machine of these tests has no swap device, so the model that is not in RAM is one that its memory limit pushes out
of the page cache: it is mapped, and read from the disk again for every token.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Stack
from tests.shapes.family import Model
from tests.shapes.random_weights import write

pytestmark = [pytest.mark.engine, pytest.mark.machines]
# what the machine itself does meanwhile: other tests run beside this one
AROUND = {"processor-busy", "processor-throttles"}
SMALL = Model(arch="llama", layers=2, embd=1024, ff=2816, heads=8, kv_heads=2, vocab=8_000)
LARGE = Model(arch="llama", layers=12, embd=2048, ff=5632, heads=16, kv_heads=4, vocab=32_000)
MIDDLE = Model(arch="llama", layers=4, embd=2048, ff=5632, heads=16, kv_heads=4, vocab=8_000)
CHAT = " ".join(f"w{number}" for number in range(120))  # about 480 tokens
CURL = (
    "curl -fsS http://127.0.0.1:8080/completion -H 'Content-Type: application/json' "
    '-H "Authorization: Bearer $(cat /opt/stackctl/api-key)" -d "$1"'
)


def deployed(stack: Stack, model: Model) -> str:
    """Deploy a model of random weights with a context of 2048 tokens, and return its container."""
    path = write(stack.folder / "random.gguf", model, "q8_0")
    drop(path)
    stack.deploy("--model", path.name, "--context", "2048", "--no-proof")
    return stack.container("llamacpp")


def drop(path: Path) -> None:
    """Let the page cache forget a file, so that whoever maps it next is charged for it."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)


def ask(stack: Stack, container: str, prompt: str, tokens: int) -> None:
    body = json.dumps({"prompt": prompt, "n_predict": tokens, "ignore_eos": True})
    stack.docker("exec", container, "sh", "-c", CURL, "sh", body)


def why(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.run("why-slow", "--json").stdout)
    return found


def first(found: dict[str, Any]) -> dict[str, Any]:
    """The first cause that is not the machine's around the test; one without a name if there is none."""
    return next((one for one in found["causes"] if one["issue"] not in AROUND), {"issue": ""})


@pytest.mark.sample
def test_a_prompt_whose_beginning_changes_is_named_first(stack: Stack) -> None:
    container = deployed(stack, SMALL)
    for number in range(4):
        ask(stack, container, f"w{200 + number} {CHAT}", 4)
    found = why(stack)
    cause = first(found)
    assert cause["issue"] == "prompt-reprocessed", found
    assert cause["certainty"] == "measured"
    assert "the beginning of the prompt is another one each time" in cause["message"]
    assert found["reply"]["read_again_tokens"] > 200
    # another chat, which only grows: after its first message nothing is read twice
    for number in range(11):
        ask(stack, container, f"{CHAT}{' w9' * (number + 1)}", 4)
    grown = why(stack)
    assert grown["reply"]["replies"] == 10
    assert "prompt-reprocessed" not in [one["issue"] for one in grown["causes"]], grown


def test_a_processor_that_is_held_back_is_named_first(stack: Stack) -> None:
    container = deployed(stack, MIDDLE)
    stack.docker("update", "--cpus", "0.5", container)
    for _ in range(3):
        ask(stack, container, "w5 w6 w7", 8)
    found = why(stack)
    assert first(found)["issue"] == "processor-limited", found
    assert "may use 0.5 of the" in first(found)["message"]
    assert first(found)["certainty"] == "measured"


def test_a_model_that_does_not_stay_in_ram_is_named_first(stack: Stack) -> None:
    container = deployed(stack, LARGE)
    stack.docker("update", "--memory", "350m", "--memory-swap", "350m", container)
    for _ in range(2):
        ask(stack, container, "w5 w6 w7", 4)
    found = why(stack)
    cause = first(found)
    assert cause["issue"] == "model-swapped-out", found
    assert "its memory is limited to 350 MiB" in " ".join([cause["message"], *cause["evidence"]])
    assert "limits.backend_memory" in cause["hint"]


def test_of_a_stack_that_nothing_slows_down_no_cause_is_named(stack: Stack) -> None:
    container = deployed(stack, LARGE)
    for number in range(3):
        ask(stack, container, f"w5 w6 w7{' w8' * number}", 8)
    found = why(stack)
    assert first(found)["issue"] == "", found
    if not found["causes"]:
        assert found["verdict"] in {"as_expected", "slower"}
    text = stack.run("why-slow").stdout
    assert "writing 8 tokens" in text
    measured = json.loads(stack.run("why-slow", "--measure", "--json").stdout)
    assert measured["reply"]["replies"] == found["reply"]["replies"] + 1
