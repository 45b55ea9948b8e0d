"""Open the URL, and that is all: connected, the model's context and template, type and get an answer."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.model.demo_model import FILE_NAME, SENTENCE, gguf_bytes
from stackctl.core.tavern import container as facts
from tests.e2e import outside
from tests.e2e.browser.page import Tavern
from tests.e2e.conftest import Stack
from tests.e2e.failing import wish
from tests.e2e.test_smoke import between

pytestmark = [pytest.mark.engine, pytest.mark.machines]
Open = Callable[[str], Tavern]


def assert_chat_ready(page: Tavern, model: str, context: int) -> None:
    """Nothing was clicked; then one message."""
    page.connected(model)
    assert page.dialogues == []
    assert page.context == context
    assert page.templates == ("ChatML", "ChatML", True)
    page.shot("connected")
    seen = page.say("Hello there")
    assert seen[-1] == SENTENCE
    page.shot("answered")


def test_llamacpp(stack: Stack, tavern: Open) -> None:
    url = stack.deploy("--context", "12288")["url"]
    page = tavern(url)
    assert_chat_ready(page, FILE_NAME, 12288)


def test_the_answer_is_streamed_into_the_page(stack: Stack, tavern: Open) -> None:
    page = tavern(stack.deploy()["url"])
    page.connected(FILE_NAME)
    with between(stack, "slow"):  # at full speed the whole sentence comes between two frames
        seen = page.say("Hello there")
    assert seen[-1] == SENTENCE
    growing = [text for text in seen if SENTENCE.startswith(text)]
    assert len(set(growing)) >= 3
    assert growing == sorted(growing, key=len)


def test_koboldcpp(stack: Stack, program: Path, tavern: Open) -> None:
    wish(stack, f'[backend]\nkind = "koboldcpp"\nprogram = "{program}"\n')
    assert_chat_ready(tavern(stack.deploy()["url"]), "koboldcpp/stackctl-demo", 8192)


def test_text_generation_webui(stack: Stack, textgen: str, tavern: Open) -> None:
    wish(stack, f'[backend]\nkind = "textgen"\nimage = "{textgen}"\n')
    assert_chat_ready(tavern(stack.deploy()["url"]), FILE_NAME, 8192)


def test_a_backend_elsewhere(stack: Stack, tmp_path: Path, tavern: Open) -> None:
    (tmp_path / "demo.gguf").write_bytes(gguf_bytes())
    for path in (tmp_path, tmp_path / "demo.gguf"):
        path.chmod(0o755)
    with outside.llamacpp(tmp_path, outside.gateway()) as port:
        result = stack.deploy("--url", f"http://127.0.0.1:{port}")
        assert_chat_ready(tavern(result["url"]), result["model"], result["context"])


def with_numbers(raw: bytes, numbers: dict[str, float]) -> bytes:
    """A GGUF with more numbers in its metadata; a text fills them up, as tensors begin at multiples of 32 bytes."""
    version, tensors, pairs = struct.unpack_from("<IQQ", raw, 4)
    named = [(key.encode(), value) for key, value in numbers.items()]
    more = b"".join(struct.pack("<Q", len(key)) + key + struct.pack("<If", 6, value) for key, value in named)
    fill = -(len(more) + 24) % 32
    more += struct.pack("<Q4sIQ", 4, b"fill", 8, fill) + bytes(fill)
    return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs + len(numbers) + 1) + more + raw[24:]


def test_the_samplers_that_the_model_recommends_are_selected_and_asked_of_the_backend(
    stack: Stack, tavern: Open
) -> None:
    numbers = {"general.sampling.temp": 0.7, "general.sampling.top_p": 0.8, "general.sampling.min_p": 0.05}
    (stack.folder / "tune.gguf").write_bytes(with_numbers(gguf_bytes(), numbers))
    page = tavern(stack.deploy("--model", "tune.gguf")["url"])
    page.connected("tune.gguf")
    assert page.sampler_preset == "stackctl demo"
    with between(stack, "told") as proxy:
        assert page.say("Hello there")[-1] == SENTENCE
        asked = [json.loads(line) for line in stack.docker("logs", proxy).splitlines() if line.startswith("{")]
    (sent,) = [one for one in asked if "temperature" in one]
    assert (sent["temperature"], sent["top_p"], sent["min_p"]) == (0.7, 0.8, 0.05)
    assert (sent["top_k"], sent["repeat_penalty"]) == (0, 1)  # of which the model says nothing


def settings(stack: Stack) -> Any:
    return json.loads((stack.folder / "sillytavern" / facts.SETTINGS).read_text())


def saved(stack: Stack, page: Tavern, holds: Callable[[Any], bool]) -> None:
    """Wait until the page has saved what it was told."""
    page.until(lambda: holds(settings(stack)), "saved by the page", 20)


def test_what_the_user_changes_in_the_page_is_never_undone(stack: Stack, tavern: Open) -> None:
    (stack.folder / "other.gguf").write_bytes(gguf_bytes())
    models = '[models.demo]\npath = "demo"\n[models.other]\npath = "other.gguf"\ncontext = 4096\n'
    wish(stack, f'{models}[model]\nuse = "demo"\n')
    page = tavern(stack.deploy()["url"])
    page.connected(FILE_NAME)
    page.choose("#instruct_presets", "Vicuna 1.1")
    page.set("#max_context", "6144")
    page.set("#llamacpp_api_url_text", "http://llamacpp:8080/v1")
    saved(stack, page, lambda s: s["max_context"] == 6144 and s["power_user"]["instruct"]["preset"] == "Vicuna 1.1")
    done = stack.run("use", "other")
    assert "kept your own changes in SillyTavern's settings: max_context" in done.stderr

    page.page.reload()
    page.connected("other.gguf")
    assert page.context == 6144
    assert page.templates == ("Vicuna 1.1", "ChatML", True)
    assert settings(stack)["textgenerationwebui_settings"]["server_urls"]["llamacpp"].startswith(
        "http://llamacpp:8080/v1"
    )
    page.shot("mine")


def test_every_model_is_a_connection_profile_with_its_own_template(stack: Stack, tavern: Open) -> None:
    models = '[models.one]\npath = "demo"\n[models.two]\npath = "demo"\ntemplate = "Llama 3 Instruct"\n'
    wish(stack, f'{models}[model]\nuse = "one"\n')
    page = tavern(stack.deploy()["url"])
    page.connected(FILE_NAME)
    listed: list[str] = page.page.evaluate(
        "[...document.querySelectorAll('#connection_profiles option')].map(o => o.text)"
    )
    assert listed == ["<None>", "one", "two"]
    page.choose(
        "#connection_profiles",
        page.page.evaluate(
            "[...document.querySelectorAll('#connection_profiles option')].find(o => o.text === 'two').value"
        ),
    )
    page.until(lambda: page.templates == ("Llama 3 Instruct", "Llama 3 Instruct", True), "the profile's template", 30)
    page.connected(FILE_NAME)
    assert page.say("Hello there")[-1] == SENTENCE


def test_a_page_that_was_open_does_not_undo_a_change_and_keeps_its_chat(stack: Stack, tavern: Open) -> None:
    page = tavern(stack.deploy()["url"])
    page.connected(FILE_NAME)
    page.set("#amount_gen", "333")
    saved(stack, page, lambda s: s["amount_gen"] == 333)
    done = stack.run("deploy", "--images", "own", "--template", "Alpaca", "--context", "4096")
    assert "kept your own changes" not in done.stderr  # saving changed none of ours
    assert settings(stack)["amount_gen"] == 333

    page.set("#amount_gen", "222")
    page.until(lambda: "Reload needed" in page.toasts, "the page says that it must be reloaded", 20)
    page.shot("reload-needed")
    assert (settings(stack)["amount_gen"], settings(stack)["max_context"]) == (333, 4096)
    assert page.say("Still here")[-1] == SENTENCE

    page.page.reload()
    page.connected(FILE_NAME)
    assert (page.context, page.templates) == (4096, ("Alpaca", "Alpaca", True))


def test_a_chat_is_there_after_down_and_deploy(stack: Stack, tavern: Open) -> None:
    page = tavern(stack.deploy()["url"])
    page.connected(FILE_NAME)
    page.page.evaluate("SillyTavern.getContext().selectCharacterById(0)")
    page.until(lambda: len(page.messages) == 1, "the greeting of SillyTavern's own character", 30)
    assert page.say("Remember me")[-1] == SENTENCE
    chats = stack.folder / "sillytavern/data/default-user/chats"
    page.until(lambda: any(f'"mes":"{SENTENCE}' in f.read_text() for f in chats.rglob("*.jsonl")), "the chat saved", 20)
    before = {file: file.read_bytes() for file in chats.rglob("*.jsonl")}
    page.page.goto("about:blank")

    stack.run("down")
    url = stack.deploy()["url"]
    assert {file: file.read_bytes() for file in chats.rglob("*.jsonl")} == before
    page.page.goto(url)
    page.connected(FILE_NAME)
    page.page.evaluate("SillyTavern.getContext().selectCharacterById(0)")
    page.until(lambda: page.messages[-2:] == ["Remember me", SENTENCE], "the chat from before", 30)
    page.shot("chat")
