"""Judges an answer: the demo model's must be its exact sentence, another model's must be plausible."""

from dataclasses import dataclass
from typing import Final
from unicodedata import category

from stackctl.core.model import demo_model
from stackctl.core.tavern import stream
from stackctl.errors import NotReady

LOOK: Final = "Run `stackctl status` and `stackctl logs`."
DAMAGED: Final = "\ufffd"  # a decoder's replacement for invalid UTF-8
_AROUND = 12  # characters shown before and after a difference
_REPORT = "Look for a proxy between SillyTavern and the backend that changes text; if there is none, report a bug."


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A short generation through SillyTavern; seconds since the request. is_whole: the stream ended properly.

    A piece may have any number of tokens. ending: the last event of the stream, unchanged.
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
    """Raise NotReady for an answer that is empty, or that is not the demo model's sentence."""
    if not text.strip():
        raise NotReady(f"{title} answered with an empty text", hint=LOOK, issue="no-reply")
    if is_demo and text != demo_model.SENTENCE:
        raise NotReady(f"the demo model answered {text!r} instead of its sentence", hint=_REPORT, issue="reply-damaged")


def strange_at(text: str) -> int | None:
    """Return the place of the first control character or damaged character in a text; None if there is none.

    The token limit may cut the last character of an answer, which is no damage.
    """
    whole = text.rstrip(DAMAGED)
    return next((at for at, one in enumerate(whole) if one == DAMAGED or _is_control(one)), None)


def check_origin(text: str, own: str | None, *, title: str) -> None:
    """Raise NotReady for control characters or damaged characters, unless the model itself writes such ones.

    own: the backend's answer to the same question without SillyTavern; None if unknown.
    """
    at = strange_at(text)
    if at is None or (own is not None and strange_at(own) is not None):
        return
    is_damaged = text[at] == DAMAGED
    what = "damaged characters" if is_damaged else f"a control character (U+{ord(text[at]):04X})"
    says = f"the answer contains {what}: {_cutout(text, at)!r}"
    if own is not None and own[:at] == text[:at] and len(own) > at:
        raise NotReady(f"{says}; {title} itself answers {_cutout(own, at)!r}", hint=_REPORT, issue="reply-damaged")
    raise NotReady(
        says,
        hint="Run `stackctl smoke --only reply --only encoding` again. If it stays, try `--model demo`: a model may "
        "write such characters itself, and a proxy between SillyTavern and the model may damage text.",
        issue="reply-damaged",
    )


def check_sentence(text: str) -> None:
    """Raise NotReady, with the place, if the demo model's sentence was changed on its way."""
    if DAMAGED in text:
        raise NotReady(
            f"the answer contains damaged characters: {_cutout(text, text.index(DAMAGED))!r}",
            hint=_REPORT,
            issue="reply-damaged",
        )
    if text != demo_model.SENTENCE:
        at = next((i for i, (a, b) in enumerate(zip(text, demo_model.SENTENCE, strict=False)) if a != b), len(text))
        raise NotReady(
            f"the demo model's sentence is wrong from character {at + 1} on: "
            f"{_cutout(text, at)!r} instead of {_cutout(demo_model.SENTENCE, at)!r}",
            hint=_REPORT,
            issue="reply-damaged",
        )


def describe_pace(first_s: float, tokens_per_s: float | None, expected: float | None = None, *, title: str) -> str:
    """Return the speed of an answer as a text, with the backend's own rate if it reports one, and the plan's."""
    planned = f" (about {expected:.{0 if expected >= 10 else 1}f} by the plan)" if expected else ""
    rate = f", {tokens_per_s:.1f} tokens/s by {title}'s own count{planned}" if tokens_per_s else ""
    return f"first words after {first_s:.2f} s{rate}"


def cut_off(pieces: int) -> NotReady:
    """Return the error for a stream that broke off."""
    return NotReady(
        f"the answer broke off in the middle of its stream, after {pieces} pieces",
        hint="Run `stackctl logs`: the backend may have ended, or a proxy in between may cut long answers.",
        issue="no-reply",
    )


def _is_control(character: str) -> bool:
    return category(character) == "Cc" and character not in "\n\r\t"


def _cutout(text: str, at: int) -> str:
    return text[max(0, at - _AROUND) : at + _AROUND]
