"""The talks over which a chat template is rendered: each message is a mark, so that all else is the template's.

Source: apply_chat_template of Hugging Face's transformers, for the names of the variables; the switches of thoughts are
those of the templates of Qwen, GLM, DeepSeek, Granite, Kimi, Seed-OSS, Hunyuan and gpt-oss.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from stackctl.core.tavern.instruct_mode import Message, Role

Switches = tuple[tuple[str, Any], ...]
MOST_TEMPLATE: Final = 1 << 20  # characters; the longest known one has about 30,000
_MOST_TEXT: Final = 200_000  # characters of one rendering
SYSTEM, NOTE, THOUGHTS = "SYSTEM7TEXT", "NOTE7TEXT", "THOUGHTS7TEXT"
USER: Final = ("QUESTION7ONE", "QUESTION7TWO", "QUESTION7THREE")
ANSWER: Final = ("ANSWER7ONE", "ANSWER7TWO")
GREETING: Final = "GREETING7TEXT"
# between the system's text and the user's, where both are one message
FOLD: Final = "\n\n"
_THOUGHTS: Final = dict.fromkeys(("reasoning_content", "reasoning", "thinking", "thought"), THOUGHTS)
# what some templates expect besides; the first that renders the first talk is taken for all
_WAYS: Final[tuple[Mapping[str, Any], ...]] = (
    {"tools": None, "documents": None},
    {},
    {"tools": [], "documents": []},
    {"tools": [], "functions": "", "datetime": ""},
    {"tools": None, "has_parts": True},
)
# a template's switches of thoughts: off, then on; only names that the template uses are tried
_OFF: Final[Switches] = (
    ("enable_thinking", False), ("thinking", False), ("reasoning", False), ("think", False), ("thinking_budget", 0),
    ("reasoning_effort", "none"), ("reasoning_effort", "no_think"), ("thinking_effort", "none"),
    ("thinking_mode", "off"), ("thinking_mode", "disabled"), ("thinking_mode", "chat"),
)  # fmt: skip
_ON: Final[Switches] = (
    ("enable_thinking", True), ("thinking", True), ("reasoning", True), ("reasoning_effort", "high"),
    ("thinking_mode", "enabled"), ("thinking_mode", "thinking"),
)  # fmt: skip
Kind = Literal["first", "long", "talk", "one", "asked", "answered", "plain", "greeted", "noted", "thought"]
_KINDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "first": (USER[0],),
    "long": (SYSTEM, USER[0], ANSWER[0], USER[1], ANSWER[1], USER[2]),
    "talk": (SYSTEM, USER[0], ANSWER[0], USER[1]),
    "one": (SYSTEM, USER[0]),
    "asked": (SYSTEM, USER[0]),
    "answered": (SYSTEM, USER[0], ANSWER[0]),
    "plain": (USER[0], ANSWER[0], USER[1]),
    "greeted": (SYSTEM, GREETING, USER[0], ANSWER[0], USER[1]),
    "noted": (SYSTEM, USER[0], ANSWER[0], NOTE, USER[1]),
    "thought": (SYSTEM, USER[0], ANSWER[0]),
}
_OPEN_ENDED: Final = {"asked", "answered", "thought"}  # without the start of the next answer


@dataclass(frozen=True)
class Ask:
    """One talk: its kind, the switches that are set, and whether the system's text is in the user's first message."""

    kind: Kind
    switches: Switches = ()
    is_folded: bool = False


@dataclass(frozen=True, kw_only=True)
class Request:
    """What one process renders."""

    template: str
    bos: str
    eos: str
    asks: tuple[Ask, ...]

    @property
    def talks(self) -> list[dict[str, Any]]:
        return [_talk(ask) for ask in self.asks]

    def as_json(self) -> dict[str, Any]:
        variables = {"bos_token": self.bos, "eos_token": self.eos, "unk_token": "<unk>", "pad_token": "<pad>"}
        return {
            "template": self.template,
            "variables": variables,
            "ways": [dict(one) for one in _WAYS],
            "talks": self.talks,
            "most": _MOST_TEXT,
        }


def request(template: str, *, bos: str, eos: str) -> Request:
    """Return all talks that the derivation may need. bos, eos: the texts of these tokens."""
    used = set(re.findall(r"\w+", template))
    switches = [((name, value),) for name, value in (*_OFF, *_ON) if name in used]
    asks = [
        Ask(kind, switch, is_folded)
        for switch in ((), *switches)
        for kind in _KINDS
        for is_folded in (False, True)
        if not is_folded or (SYSTEM in _KINDS[kind] and kind != "greeted")
    ]
    return Request(template=template, bos=bos, eos=eos, asks=tuple(asks))


def off_switches(asks: tuple[Ask, ...]) -> tuple[Switches, ...]:
    """Return those of the asked switches that turn thoughts off."""
    return tuple(dict.fromkeys(ask.switches for ask in asks if any(one in _OFF for one in ask.switches)))


def on_switches(asks: tuple[Ask, ...]) -> tuple[Switches, ...]:
    """Return those of the asked switches that turn thoughts on."""
    return tuple(dict.fromkeys(ask.switches for ask in asks if any(one in _ON for one in ask.switches)))


def marks(kind: Kind) -> tuple[str, ...]:
    """Return the marks of a talk, in their order."""
    texts = _KINDS[kind]
    return (*texts[:-1], THOUGHTS, texts[-1]) if kind == "thought" else texts


def messages(kind: Kind) -> tuple[Message, ...]:
    """Return a talk as SillyTavern holds it: all but the story."""
    return tuple(Message(_role(text), text) for text in _KINDS[kind] if text != SYSTEM)


def _role(text: str) -> Role:
    if text in {SYSTEM, NOTE}:
        return "system"
    return "assistant" if text in {*ANSWER, GREETING} else "user"


def _talk(ask: Ask) -> dict[str, Any]:
    texts = _KINDS[ask.kind]
    if ask.is_folded:
        texts = (f"{texts[0]}{FOLD}{texts[1]}", *texts[2:])
    written = [{"role": _role(text), "content": text} for text in texts]
    if ask.kind == "thought":
        written[-1] |= _THOUGHTS
    return {
        "messages": written,
        "add_generation_prompt": ask.kind not in _OPEN_ENDED,
        **dict(ask.switches),
    }
