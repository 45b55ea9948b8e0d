"""SillyTavern's page as a person sees it: what is where in version 1.19.0."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Request, Response

CONNECTED_S = 90  # two slow cores, a cold browser: 8 to 14 s were seen
# what the page writes to its console while all is well
_HARMLESS = ("Stream stats:",)
# as a person's hand does it, for every listener
_ENTER = """([id, value, event]) => {
    const field = document.querySelector(id);
    field.value = value;
    field.dispatchEvent(new Event(event, {bubbles: true}));
}"""


class Tavern:
    """One page, from its first load on. Whatever goes wrong in it is kept in `troubles`."""

    def __init__(self, page: Page, url: str, shots: Path) -> None:
        self.page, self.url, self._shots = page, url, shots
        self.troubles: list[str] = []
        page.on("pageerror", lambda error: self.troubles.append(f"uncaught: {error}"))
        page.on("console", lambda said: self._heard(said.type, said.text))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)
        page.goto(url)

    def excuse(self, *words: str) -> None:
        """What went wrong so far belongs to the test, where it has one of the words."""
        self.troubles = [one for one in self.troubles if not any(word in one for word in words)]

    def connected(self, model: str) -> float:
        """Wait until the page says that it is connected to this model; the seconds since its load began."""
        self.until(lambda: self.status == model, f"connected to {model}", CONNECTED_S)
        took_s = float(self.page.evaluate("performance.now()")) / 1000
        self.until(lambda: "Initializing…" not in self.dialogues, "the page is built", CONNECTED_S)
        self.until(lambda: bool(self.messages), "its welcome, which comes last", CONNECTED_S)
        return took_s

    @property
    def status(self) -> str:
        """What stands where the connected model's name belongs."""
        return self._text("#textgenerationwebui_api .online_status_text")

    @property
    def draft(self) -> str:
        """What was typed and not sent."""
        return self.page.locator("#send_textarea").input_value()

    @property
    def context(self) -> int:
        return int(self.page.locator("#max_context_counter").input_value())

    @property
    def templates(self) -> tuple[str, str, bool]:
        """(instruct template, context template, whether instruct mode is on), as the page shows them."""
        found: list[Any] = self.page.evaluate(
            "['#instruct_presets', '#context_presets'].map(id => document.querySelector(id).value)"
        )
        is_on: bool = self.page.evaluate("document.querySelector('#instruct_enabled').checked")
        return found[0], found[1], is_on

    @property
    def sampler_preset(self) -> str:
        """The name of the preset of samplers, as the page shows it."""
        return self._text("#settings_preset_textgenerationwebui option:checked")

    @property
    def dialogues(self) -> list[str]:
        """The dialogues that stand in the way."""
        found: list[str] = self.page.evaluate("[...document.querySelectorAll('dialog[open]')].map(d => d.innerText)")
        return [text for text in found if text.strip()]  # one that is fading out is empty

    @property
    def messages(self) -> list[str]:
        found: list[str] = self.page.evaluate("[...document.querySelectorAll('#chat .mes_text')].map(m => m.innerText)")
        return found

    @property
    def toasts(self) -> str:
        return self._text("#toast-container")

    def say(self, text: str) -> list[str]:
        """Type a message and send it; what the answer's text was each time that it had changed, until it rests."""
        self.page.evaluate(
            """() => { window.seenTexts = []; new MutationObserver(() => {
                const last = [...document.querySelectorAll('#chat .mes[is_user="false"] .mes_text')].at(-1);
                const text = last?.innerText ?? '';
                if (text && text !== window.seenTexts.at(-1)) window.seenTexts.push(text);
            }).observe(document.querySelector('#chat'), {subtree: true, childList: true, characterData: true}) }"""
        )
        self.page.locator("#send_textarea").fill(text)
        self.page.locator("#send_but").click()
        self.until(lambda: self._is_answered(text), "an answer", 60)
        found: list[str] = self.page.evaluate("window.seenTexts")
        return found

    def choose(self, select: str, value: str) -> None:
        """Choose in one of the page's lists, as a click does."""
        self.page.evaluate(_ENTER, [select, value, "change"])

    def set(self, field: str, value: str) -> None:
        """Type into one of the page's fields."""
        self.page.evaluate(_ENTER, [field, value, "input"])

    def shot(self, name: str) -> None:
        """A picture for a person to look at."""
        self._shots.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self._shots / f"{name}.png")

    def until(self, holds: Callable[[], bool], what: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                self.shot("failed")
                raise AssertionError(f"not within {seconds} s: {what}; status {self.status!r}, {self.troubles}")
            self.page.wait_for_timeout(100)

    def _is_answered(self, text: str) -> bool:
        said = self.messages
        is_idle: bool = self.page.evaluate("getComputedStyle(document.querySelector('#mes_stop')).display === 'none'")
        return len(said) >= 2 and said[-2] == text and bool(said[-1].strip(". ")) and is_idle

    def _text(self, selector: str) -> str:
        found = self.page.locator(selector)
        return (found.first.text_content() or "").strip() if found.count() else ""

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page itself gave it up: it was left, or reloaded
            self.troubles.append(f"failed: {request.url}: {request.failure}")

    def _answered(self, answer: Response) -> None:
        if answer.status >= 400:
            self.troubles.append(f"{answer.status} {answer.url}")

    def _heard(self, kind: str, text: str) -> None:
        if kind == "error" and not any(words in text for words in _HARMLESS):
            self.troubles.append(text)
