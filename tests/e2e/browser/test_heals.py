"""A page that was open finds its backend again, says what it waits for, and overwrites nothing meanwhile."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import FILE_NAME, SENTENCE, gguf_bytes
from stackctl.core.tavern import container as facts
from tests.e2e.browser.page import CONNECTED_S, Tavern
from tests.e2e.browser.test_zero_click import assert_chat_ready
from tests.e2e.conftest import Stack
from tests.e2e.failing import wish
from tests.e2e.test_smoke import between

pytestmark = [pytest.mark.engine, pytest.mark.machines]
Open = Callable[[str], Tavern]

AWAY = ("text-completions", "Failed to load resource", "Error getting status")  # what a page says of a backend away
SAVES_MS = 1500  # after which a page saves what has changed
SOON_S = 40  # the longest back-off, and two slow cores


def waits_for(page: Tavern, what: str) -> None:
    page.until(lambda: what in page.status and what in page.toasts, f"the page says {what}", CONNECTED_S)


def chat_files(stack: Stack) -> dict[Path, bytes]:
    return {one: one.read_bytes() for one in (stack.folder / "sillytavern/data/default-user/chats").rglob("*.jsonl")}


def saved(stack: Stack, page: Tavern) -> None:
    """Wait until the answer is in the chat's file, and the page has no more to add to it."""
    answer = f'"mes":"{SENTENCE}'.encode()
    page.until(lambda: any(answer in one for one in chat_files(stack).values()), "the chat saved", 20)
    page.page.wait_for_timeout(SAVES_MS)


@pytest.mark.sample
def test_a_page_that_was_opened_before_the_backend_connects_and_saves_no_settings(stack: Stack, tavern: Open) -> None:
    url = stack.deploy()["url"]
    stack.run("stop", "llamacpp")
    page = tavern(url)
    waits_for(page, "Waiting for the backend")
    page.page.locator("#send_textarea").fill("a draft")
    settings = stack.folder / "sillytavern" / facts.SETTINGS
    page.page.wait_for_timeout(SAVES_MS)  # what it saves at its load
    before = settings.read_bytes()
    stack.run("start", "llamacpp")
    page.until(lambda: page.status == FILE_NAME, "connected", SOON_S)
    assert page.draft == "a draft"
    page.page.wait_for_timeout(SAVES_MS)
    assert settings.read_bytes() == before
    page.excuse(*AWAY)
    assert_chat_ready(page, FILE_NAME, 8192)


def test_a_page_goes_through_use_rollback_stop_and_start_with_a_draft(stack: Stack, tavern: Open) -> None:
    (stack.folder / "other.gguf").write_bytes(gguf_bytes())
    (stack.folder / "bad.gguf").write_bytes(gguf_bytes().replace(b"llama", b"llamz"))
    models = '[models.demo]\npath = "demo"\n[models.other]\npath = "other.gguf"\ncontext = 12288\n'
    models += '[models.bad]\npath = "bad.gguf"\n'
    wish(stack, f'{models}[model]\nuse = "demo"\n')
    page = tavern(stack.deploy()["url"])
    page.connected(FILE_NAME)
    page.page.evaluate("SillyTavern.getContext().selectCharacterById(0)")
    page.until(lambda: len(page.messages) == 1, "the greeting of SillyTavern's own character", 30)
    assert page.say("Remember me")[-1] == SENTENCE
    saved(stack, page)
    before = chat_files(stack)
    page.page.evaluate("window.isThisPage = true")
    page.page.locator("#send_textarea").fill("a draft")

    stack.run("use", "other")
    page.until(lambda: page.status == "other.gguf", "the new model's name", SOON_S)
    page.until(lambda: "Reload needed" in page.toasts, "the page says that it must be reloaded", SOON_S)
    assert stack.run("use", "bad", check=False).returncode == 8
    page.until(lambda: page.status == "other.gguf", "connected to what runs again", SOON_S)
    stack.run("stop")
    waits_for(page, "Waiting for SillyTavern")
    stack.run("start")
    page.until(lambda: page.status == "other.gguf", "connected", SOON_S)
    assert page.draft == "a draft"
    assert page.page.evaluate("window.isThisPage") is True
    assert chat_files(stack) == before
    assert page.say("And now")[-1] == SENTENCE
    page.until(lambda: any(b"And now" in one for one in chat_files(stack).values()), "the chat saved", 20)
    page.excuse(*AWAY, "state.json", "stamp.json", "ERR_")


def test_who_cancelled_stays_unconnected(stack: Stack, tavern: Open) -> None:
    url = stack.deploy()["url"]
    stack.run("stop", "llamacpp")
    page = tavern(url)
    waits_for(page, "Waiting for the backend")
    page.page.evaluate("document.querySelector('#textgenerationwebui_api .api_loading').click()")
    stack.run("start", "llamacpp")
    page.page.wait_for_timeout(5000)
    assert page.status == "No connection..."
    page.page.evaluate("document.querySelector('#api_button_textgenerationwebui').click()")
    page.until(lambda: page.status == FILE_NAME, "connected", SOON_S)
    page.excuse(*AWAY)


@pytest.mark.parametrize("lost", ["stopped", "share"])
def test_a_chat_that_could_not_be_read_is_not_overwritten(stack: Stack, tavern: Open, lost: str) -> None:
    page = tavern(stack.deploy()["url"])
    page.connected(FILE_NAME)
    page.page.evaluate("SillyTavern.getContext().selectCharacterById(0)")
    page.until(lambda: len(page.messages) == 1, "the greeting of SillyTavern's own character", 30)
    assert page.say("Remember me")[-1] == SENTENCE
    saved(stack, page)
    chats = stack.folder / "sillytavern/data/default-user/chats"
    for file in chats.rglob("*.jsonl"):  # as older versions wrote them, which SillyTavern itself does not guard
        file.write_bytes(file.read_bytes().replace(b'"integrity"', b'"older"'))
    page.page.reload()
    page.connected(FILE_NAME)
    before = chat_files(stack)

    away = chats.with_name("chats-elsewhere")
    if lost == "stopped":
        stack.run("stop")
    else:
        chats.rename(away)
        chats.mkdir(mode=0o777)
        chats.chmod(0o777)
    page.page.evaluate("SillyTavern.getContext().selectCharacterById(0)")
    page.until(lambda: "Remember me" not in page.messages, "an empty chat", 30)
    page.page.wait_for_timeout(SAVES_MS)
    if lost == "stopped":
        stack.run("start")
    else:
        chats.rename(chats.with_name("chats-meanwhile"))
        away.rename(chats)
    page.until(lambda: page.status == FILE_NAME, "connected", SOON_S)
    page.say("Over it?")
    page.until(lambda: "Chat not saved" in page.toasts, "the page says that it does not save", SOON_S)
    assert chat_files(stack) == before
    page.troubles.clear()  # SillyTavern itself was away: whatever its page asked for is among them


def test_an_answer_under_way_ends_with_a_message_when_its_backend_died(stack: Stack, tavern: Open) -> None:
    page = tavern(stack.deploy()["url"])
    page.connected(FILE_NAME)
    with between(stack, "slow") as backend:
        page.page.locator("#send_textarea").fill("Hello there")
        page.page.locator("#send_but").click()
        page.until(lambda: any(one.startswith(SENTENCE[:4]) for one in page.messages), "the first words", 60)
        stack.docker("kill", backend)
        page.page.wait_for_timeout(2000)
        stack.docker("start", backend)
        page.until(lambda: "The answer has ended early" in page.toasts, "a message", 5)
        page.until(lambda: page.status == FILE_NAME, "connected", SOON_S)
    assert SENTENCE.startswith(page.messages[-1])
    page.excuse(*AWAY)
