"""The renderings of a chat template, cut at the marks that stand for messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from stackctl.core.tavern import dates
from stackctl.core.tavern.talks import SYSTEM, Kind, Request, Switches, marks

# what a back end adds by itself, for a model whose own token is unknown
_BEGINNINGS: Final = (
    "<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>", "<｜begin▁of▁sentence｜>", "<BOS_TOKEN>",
)  # fmt: skip
UNKNOWN_BOS, UNKNOWN_EOS = "<s>", "</s>"
_NO_MESSAGES: Final = "it does not write each message of a talk once and in order"


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The texts of the tokens that begin and end a text; "" if unknown. adds_bos: whether a back end adds the first."""

    bos: str = ""
    eos: str = ""
    adds_bos: bool = True


@dataclass(frozen=True, kw_only=True)
class CutTalks:
    """The talks with one setting of the switches. texts: whole; parts: what stands before, between and after the marks.

    A talk that the template refuses, or whose messages it does not write in order, is missing.
    """

    template: str
    texts: Mapping[Kind, str]
    parts: Mapping[Kind, tuple[str, ...]]
    fault: str = _NO_MESSAGES
    is_late: bool = False  # the system's text stands behind other messages

    @property
    def main_kind(self) -> Kind:
        """Return the longest talk whose turns do not change in its course."""
        long = self.parts.get("long")
        return "long" if long and long[2:4] == long[4:6] else "talk"

    @property
    def main(self) -> tuple[str, ...] | None:
        return self.parts.get(self.main_kind)

    @property
    def lacks(self) -> tuple[str, ...]:
        """Return the traits of its talks that SillyTavern cannot follow."""
        has_change = self.main_kind == "talk" and "long" in self.parts
        found = ["its turns change in the course of a longer talk"] if has_change else []
        if self.is_late:
            found.append("it writes the system's text with the user's last message; SillyTavern writes it first")
        return tuple(found)

    @property
    def thoughts(self) -> tuple[str, str] | None:
        """Return what stands before and after the thoughts of the last answer."""
        parts = self.parts.get("thought")
        return (parts[2], parts[3]) if parts else None

    def start(self, kind: Kind) -> str:
        """Return what stands before the first message; "" if the template has no such talk."""
        return self.parts[kind][0] if kind in self.parts else ""

    def end(self, kind: Kind) -> str | None:
        """Return what stands after the last message; None if the template has no such talk."""
        return self.parts[kind][-1] if kind in self.parts else None

    def between(self, kind: Kind, number: int) -> str | None:
        """Return what stands after that number of messages; None if the template has no such talk."""
        return self.parts[kind][number] if kind in self.parts else None


def cut_talks(request: Request, texts: Sequence[str | None], switches: Switches, tokens: Tokens) -> CutTalks:
    """Return the talks with these switches: with a system message where the template takes one, else folded."""
    apart, folded = (_cut(request, texts, switches, tokens, is_folded=one) for one in (False, True))
    if apart.main or not folded.main:
        return apart
    return replace(folded, is_late=SYSTEM in apart.texts.get("talk", ""))


def _cut(
    request: Request, texts: Sequence[str | None], switches: Switches, tokens: Tokens, *, is_folded: bool
) -> CutTalks:
    whole: dict[Kind, str] = {}
    parts: dict[Kind, tuple[str, ...]] = {}
    for ask, text in zip(request.asks, texts, strict=True):
        is_ours = ask.switches == switches and ask.is_folded == (is_folded and SYSTEM in marks(ask.kind))
        written = dates.as_macros(text) if is_ours and text is not None else None
        if written is not None:
            written = _without_bos(written, tokens)
            whole[ask.kind] = written
            if cut := _pieces(written, marks(ask.kind)):
                parts[ask.kind] = cut
    return CutTalks(template=request.template, texts=whole, parts=parts)


def _without_bos(text: str, tokens: Tokens) -> str:
    """Return the text without the token that the back end adds."""
    if not tokens.adds_bos:
        return text
    known = (tokens.bos,) if tokens.bos else _BEGINNINGS
    return next((text[len(one) :] for one in known if text.startswith(one)), text)


def _pieces(text: str, messages: Sequence[str]) -> tuple[str, ...]:
    """Return what stands around the messages; () if one of them is missing, repeated or not in its place."""
    pieces = []
    for one in messages:
        before, found, text = text.partition(one)
        if not found:
            return ()
        pieces.append(before)
    pieces.append(text)
    return () if any(one in piece for piece in pieces for one in messages) else tuple(pieces)
