"""What SillyTavern sends of a talk in its instruct mode, by a preset.

Source: SillyTavern 1.19.0, public/scripts/instruct-mode.js (formatInstructModeChat, formatInstructModePrompt,
formatInstructModeStoryString), public/scripts/power-user.js (renderStoryString) and public/script.js (Generate: which
message is the first and which the last, and the newline that it removes). Without macros, examples and other
characters, so no names stand before the messages.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

Role = Literal["system", "user", "assistant"]


class Message(NamedTuple):
    """One message of a talk."""

    role: Role
    text: str


def format_talk(preset: Mapping[str, Any], story: str, messages: Sequence[Message]) -> str:
    """Return the prompt for the next answer. `story`: the character's text, "" for none; `messages`: at least one."""
    text = _Preset(preset)
    last_user = max((at for at, one in enumerate(messages) if one.role == "user"), default=-1)
    parts = [text.message(one, is_first=not at, is_last=at == last_user) for at, one in enumerate(messages)]
    has_alignment = bool(text["user_alignment_message"]) and messages[0].role != "user"
    if has_alignment:
        aligned = Message("user", text["user_alignment_message"])
        parts.insert(0, text.message(aligned, is_first=True, is_last=False))
    if text.wraps:
        parts[-1] = re.sub(r"\n?\Z", "", parts[-1], count=1)
    return text.story(story) + "".join(parts) + text.generation()


class _Preset:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.wraps = bool(values.get("wrap"))
        self._newline = "\n" if self.wraps else ""

    def __getitem__(self, key: str) -> str:
        return str(self._values.get(key) or "")

    def message(self, message: Message, *, is_first: bool, is_last: bool) -> str:
        """Return one message in its sequences; the last message of the user has its own before the first one."""
        kind = {"user": "input", "assistant": "output", "system": "system"}[message.role]
        if kind == "system" and self._values.get("system_same_as_user"):
            kind, is_first, is_last = "input", False, False
        prefix = self[f"{kind}_sequence"]
        if kind == "input" and is_last:
            prefix = self["last_input_sequence"] or prefix
        elif kind != "system" and is_first:
            prefix = self[f"first_{kind}_sequence"] or prefix
        body = message.text + (self[f"{kind}_suffix"] or self._newline)
        return self._newline.join(part for part in (prefix, body) if part)

    def story(self, story: str) -> str:
        prefix, suffix = self["story_string_prefix"], self["story_string_suffix"]
        if not story:
            return ""
        if self.wraps and not suffix and not story.endswith("\n"):
            story += "\n"
        return (prefix + self._newline if prefix else "") + story + suffix

    def generation(self) -> str:
        text = self._newline + (self["last_output_sequence"] or self["output_sequence"])
        return text.rstrip() + "\n" if self.wraps else text
