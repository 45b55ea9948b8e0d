"""A model whose chat template is of no preset: the page sends its exact turns, and keeps them after a reload."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from stackctl.core.model.demo_model import SENTENCE
from tests.e2e.browser.page import CONNECTED_S, Tavern
from tests.e2e.conftest import Stack
from tests.shapes.demo_template import demo_with_template

pytestmark = [pytest.mark.engine, pytest.mark.machines]

TURN = re.compile(r"\[\|(system|user|assistant)\|\]\n(.*?)\[\|end\|\]\n", re.DOTALL)


def applied(stack: Stack, messages: list[dict[str, str]]) -> str:
    """What llama.cpp itself makes of these messages, with thinking off."""
    key = (stack.folder / ".stackctl/api-key").read_text().strip()
    asked = {"messages": messages, "chat_template_kwargs": {"enable_thinking": False}}
    words = (
        "wget",
        "-q",
        "-O",
        "-",
        f"--header=Authorization: Bearer {key}",
        "--header=Content-Type: application/json",
    )
    answer = stack.docker(
        "exec", stack.container("sillytavern"), *words, f"--post-data={json.dumps(asked)}",
        "http://llamacpp:8080/apply-template",
    )  # fmt: skip
    return str(json.loads(answer)["prompt"])


def test_the_page_sends_the_models_own_turns_and_keeps_them(stack: Stack, tavern: Callable[[str], Tavern]) -> None:
    (stack.folder / "odd-Q4_K_M.gguf").write_bytes(demo_with_template())
    done = stack.run("deploy", "--images", "own", "--json", "--model", "./odd-Q4_K_M.gguf")
    assert "prompt template by its own chat template, in SillyTavern under odd, thinking off" in done.stderr
    page = tavern(json.loads(done.stdout)["url"])
    page.connected("odd-Q4_K_M.gguf")
    assert page.templates == ("odd", "odd", True)
    page.page.evaluate("SillyTavern.getContext().selectCharacterById(0)")
    page.until(lambda: len(page.messages) == 1, "the greeting of SillyTavern's own character", 30)
    sent: list[Any] = []
    page.page.on(
        "request", lambda one: sent.append(one.post_data_json) if "text-completions/generate" in one.url else None
    )
    assert page.say("Hello there")[-1] == SENTENCE
    prompt = sent[0]["prompt"]
    messages = [{"role": role, "content": text} for role, text in TURN.findall(prompt)]
    assert [one["role"] for one in messages] == ["system", "assistant", "user"]
    assert prompt == applied(stack, messages)

    page.page.wait_for_timeout(1500)  # what the page saves meanwhile
    page.page.reload()
    page.until(lambda: page.status == "odd-Q4_K_M.gguf", "connected again", CONNECTED_S)
    assert page.templates == ("odd", "odd", True)
    listed = page.page.evaluate("[...document.querySelectorAll('#instruct_presets option')].map(o => o.value)")
    assert "odd" in listed
