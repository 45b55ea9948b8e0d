"""The turns of SillyTavern's own instruct presets, by which a model's own turns are compared with them.

Source: default/content/presets/instruct of SillyTavern 1.19.0; a test on the real engine compares them with its image.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from stackctl.core.tavern.instruct_mode import Message, format_talk
from stackctl.core.tavern.turns import Marks, Turns, instruct_preset

_STORY, _ASKED, _ANSWERED, _AGAIN = "\ue010", "\ue011", "\ue012", "\ue013"  # private characters
_TALK: Final = (Message("user", _ASKED), Message("assistant", _ANSWERED), Message("user", _AGAIN))
# Llama 3.1 and later write what they know of time before any system prompt, which a story does without
_DATES: Final = re.compile(r"(?:[A-Z][A-Za-z ]*[Dd]ate: [^\n]*\n)*\n*")

# prefix and suffix of the story, of a message of the user and of an answer; what begins the last one; "wrap"
_TURNS: Final = {
    "ChatML": (
        ("<|im_start|>system", "<|im_end|>\n"),
        ("<|im_start|>user", "<|im_end|>\n"),
        ("<|im_start|>assistant", "<|im_end|>\n"),
        "",
        True,
    ),
    "Llama 3 Instruct": (
        ("<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"),
        ("<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"),
        ("<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"),
        "",
        False,
    ),
    "Llama 4 Instruct": (
        ("<|begin_of_text|><|header_start|>system<|header_end|>\n\n", "<|eot|>"),
        ("<|header_start|>user<|header_end|>\n\n", "<|eot|>"),
        ("<|header_start|>assistant<|header_end|>\n\n", "<|eot|>"),
        "",
        False,
    ),
    "Gemma 2": (
        ("<start_of_turn>user", "<end_of_turn>\n"),
        ("<start_of_turn>user", "<end_of_turn>\n"),
        ("<start_of_turn>model", "<end_of_turn>\n"),
        "",
        True,
    ),
    "Gemma 4": (
        ("<|turn>system\n", "<turn|>\n"),
        ("<|turn>user\n", "<turn|>\n"),
        ("<|turn>model\n", "<turn|>\n"),
        "",
        False,
    ),
    "Mistral V1": (
        (" [INST] ", " [/INST] Understood.</s>"),
        (" [INST] ", ""),
        (" [/INST] ", "</s>"),
        " [/INST]",
        False,
    ),
    "Mistral V2 & V3": (
        ("[INST] ", "[/INST] Understood.</s>"),
        ("[INST] ", ""),
        ("[/INST] ", "</s>"),
        "[/INST]",
        False,
    ),
    "Mistral V3-Tekken": (("[INST]", "[/INST]Understood.</s>"), ("[INST]", ""), ("[/INST]", "</s>"), "", False),
    "Mistral V7": (("[SYSTEM_PROMPT] ", "[/SYSTEM_PROMPT]"), ("[INST] ", "[/INST]"), (" ", "</s>"), "", False),
    "Mistral V7-Tekken": (("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"), ("[INST]", "[/INST]"), ("", "</s>"), "", False),
    "Command R": (
        ("<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
        ("<|START_OF_TURN_TOKEN|><|USER_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
        ("<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
        "",
        False,
    ),
    "DeepSeek-V2.5": (("", ""), ("<｜User｜>", ""), ("<｜Assistant｜>", "<｜end▁of▁sentence｜>"), "", False),
    "GLM-4": (("[gMASK]<sop>", "\n"), ("<|user|>\n", ""), ("<|assistant|>\n", ""), "", False),
    "Phi": (("<|system|>\n", "<|end|>\n"), ("<|user|>\n", "<|end|>\n"), ("<|assistant|>\n", "<|end|>\n"), "", False),
    "Tulu": (("<|system|>\n", "\n"), ("<|user|>\n", "\n"), ("<|assistant|>\n", "<|end_of_text|>\n"), "", False),
    "Metharme": (("<|system|>", ""), ("<|user|>", ""), ("<|model|>", ""), "", False),
    "Dots1": (
        ("<|system|>", "<|endofsystem|>\n"),
        ("<|userprompt|>", "<|endofuserprompt|>\n"),
        ("<|response|>", "<|endofresponse|>\n"),
        "",
        True,
    ),
    "Moonshot AI": (
        ("<|im_system|>system<|im_middle|>", "<|im_end|>"),
        ("<|im_user|>user<|im_middle|>", "<|im_end|>"),
        ("<|im_assistant|>assistant<|im_middle|>", "<|im_end|>"),
        "",
        False,
    ),
    "Llama 2 Chat": (
        ("[INST] <<SYS>>\n", "\n<</SYS>> Understood. [/INST]"),
        ("[INST] ", " [/INST]\n"),
        ("", "\n"),
        "",
        False,
    ),
    "Vicuna 1.1": (("BEGINNING OF CONVERSATION: ", ""), ("\nUSER: ", ""), ("\nASSISTANT: ", "</s>"), "", False),
    "Synthia": (("SYSTEM: ", "\n"), ("USER: ", "\n"), ("ASSISTANT: ", "\n"), "", False),
    "Alpaca": (("", "\n\n"), ("### Instruction:", "\n\n"), ("### Response:", "\n\n"), "", True),
}
SHIPPED: Final[Mapping[str, Mapping[str, Any]]] = {
    name: {
        "story_string_prefix": story[0],
        "story_string_suffix": story[1],
        "input_sequence": asked[0],
        "input_suffix": asked[1],
        "output_sequence": answered[0],
        "output_suffix": answered[1],
        "last_output_sequence": last,
        "wrap": wrap,
    }
    for name, (story, asked, answered, last, wrap) in _TURNS.items()
}
# reasoning presets: prefix, suffix
REASONING: Final[Mapping[str, tuple[str, str]]] = {
    "Think XML": ("<think>", "</think>"),
    "DeepSeek": ("<think>\n", "\n</think>"),
    "Gemma 4": ("<|channel>thought\n", "<channel|>"),
    "OpenAI Harmony": (
        "<|start|>assistant<|channel|>analysis<|message|>",
        "<|start|>assistant<|channel|>final<|message|>",
    ),
}


def exact_preset(turns: Turns, first: str = "") -> str:
    """Return SillyTavern's preset that writes a talk of three turns as these do, to the character; "" if none does.

    first: the preset to try before the others. Where the chat template has no turn for a system prompt, the way in
    which the preset writes the story counts as exact.
    """
    before, between, after = _cut(instruct_preset("", turns))
    is_folded = bool(turns.input_prefix) and turns.story_prefix.strip() == turns.input_prefix.strip()
    for name in sorted(SHIPPED, key=lambda one: one != first):
        start, middle, rest = _cut(SHIPPED[name])
        has_start = before.startswith(start) and _DATES.fullmatch(before[len(start) :])
        if rest == after and has_start and (middle == between or is_folded):
            return name
    return ""


def shipped_reasoning(marks: Marks, *, prefers: str = "") -> str:
    """Return SillyTavern's reasoning preset of these marks, whatever blanks are around them; "" if it has none."""
    wanted = marks.prefix.strip(), marks.suffix.strip()
    found = [name for name, pair in REASONING.items() if tuple(one.strip() for one in pair) == wanted]
    return prefers if prefers in found else next(iter(found), "")


def _cut(preset: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what a preset writes before the story, from there to the first message, and behind that."""
    before, _, rest = format_talk(preset, _STORY, _TALK).partition(_STORY)
    between, _, after = rest.partition(_ASKED)
    return before, between, after
