"""Judging an answer: the demo model's sentence to the character, another model's by whether it is plausible."""

from dataclasses import dataclass
from typing import Final
from unicodedata import category

from stackctl.core.model import demo_model
from stackctl.core.tavern import stream
from stackctl.errors import NotReady

LOOK: Final = "Run `stackctl status` and `stackctl logs`."
DAMAGED: Final = "\ufffd"  # what a decoder writes for bytes that are no UTF-8
_AROUND = 12  # characters shown before and after a difference
_REPORT = "Look for a proxy between SillyTavern and the backend that changes text; if there is none, report a bug."


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A short generation through SillyTavern; seconds from the request. `is_whole`: it came to its proper end.

    How many tokens a piece has is the backend's own affair. `ending`: the last event of the stream, as it came.
    """

    text: str
    pieces: int
    is_whole: bool
    first_s: float
    total_s: float
    ending: str = ""

    @property
    def flow(self) -> stream.Flow:
        return stream.flow(self.first_s, self.total_s)


def check(text: str, *, is_demo: bool, title: str) -> None:
    """Raise NotReady for an answer that is empty, no text, or from the demo model not its sentence."""
    if not text.strip():
        raise NotReady(f"{title} answered with an empty text", hint=LOOK)
    if is_demo and text != demo_model.SENTENCE:
        raise NotReady(f"the demo model answered {text!r} instead of its sentence", hint=_REPORT)
    if wrong := next((c for c in text if category(c) == "Cc" and c not in "\n\r\t"), ""):
        raise NotReady(f"the answer contains a control character (U+{ord(wrong):04X}): {text!r}", hint=_REPORT)


def check_characters(text: str, *, is_demo: bool) -> None:
    """Raise NotReady where characters were damaged on the way.

    The limit of tokens may cut the last character of a real model's answer in two: that is no damage.
    """
    if DAMAGED in (text if is_demo else text.rstrip(DAMAGED)):
        raise NotReady(f"the answer contains damaged characters: {_cutout(text, text.index(DAMAGED))!r}", hint=_REPORT)
    if is_demo and text != demo_model.SENTENCE:
        at = next((i for i, (a, b) in enumerate(zip(text, demo_model.SENTENCE, strict=False)) if a != b), len(text))
        raise NotReady(
            f"the demo model's sentence is wrong from character {at + 1} on: "
            f"{_cutout(text, at)!r} instead of {_cutout(demo_model.SENTENCE, at)!r}",
            hint=_REPORT,
        )


def describe_pace(first_s: float, tokens_per_s: float | None, *, title: str) -> str:
    """How fast an answer came; the rate is the backend's own, and left out where it does not say one."""
    rate = f", {tokens_per_s:.1f} tokens/s by {title}'s own count" if tokens_per_s else ""
    return f"first words after {first_s:.2f} s{rate}"


def cut_off(pieces: int) -> NotReady:
    """The error for a stream that broke off."""
    return NotReady(
        f"the answer broke off in the middle of its stream, after {pieces} pieces",
        hint="Run `stackctl logs`: the backend may have ended, or a proxy in between may cut long answers.",
    )


def _cutout(text: str, at: int) -> str:
    return text[max(0, at - _AROUND) : at + _AROUND]
