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
    """Raise NotReady for an answer that is empty, or from the demo model not its sentence."""
    if not text.strip():
        raise NotReady(f"{title} answered with an empty text", hint=LOOK)
    if is_demo and text != demo_model.SENTENCE:
        raise NotReady(f"the demo model answered {text!r} instead of its sentence", hint=_REPORT)


def strange_at(text: str) -> int | None:
    """Return where the first character stands that no text has: a control character, or a damaged one; None for none.

    The limit of tokens may cut the last character of an answer in two: that is no damage.
    """
    whole = text.rstrip(DAMAGED)
    return next((at for at, one in enumerate(whole) if one == DAMAGED or _is_control(one)), None)


def check_origin(text: str, own: str | None, *, title: str) -> None:
    """Raise NotReady for characters that no text has, unless the model itself wrote such ones.

    `own`: what the backend answers to the same question without SillyTavern; None if that is not known.
    """
    at = strange_at(text)
    if at is None or (own is not None and strange_at(own) is not None):
        return
    is_damaged = text[at] == DAMAGED
    what = "damaged characters" if is_damaged else f"a control character (U+{ord(text[at]):04X})"
    says = f"the answer contains {what}: {_cutout(text, at)!r}"
    if own is not None and own[:at] == text[:at] and len(own) > at:
        raise NotReady(f"{says}; {title} itself answers {_cutout(own, at)!r}", hint=_REPORT)
    raise NotReady(
        says,
        hint="Run `stackctl smoke --only reply --only encoding` again. If it stays, try `--model demo`: a model may "
        "write such characters itself, and a proxy between SillyTavern and the model may damage text.",
    )


def check_sentence(text: str) -> None:
    """Raise NotReady where the demo model's sentence was changed on its way, with the place."""
    if DAMAGED in text:
        raise NotReady(f"the answer contains damaged characters: {_cutout(text, text.index(DAMAGED))!r}", hint=_REPORT)
    if text != demo_model.SENTENCE:
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


def _is_control(character: str) -> bool:
    return category(character) == "Cc" and character not in "\n\r\t"


def _cutout(text: str, at: int) -> str:
    return text[max(0, at - _AROUND) : at + _AROUND]
