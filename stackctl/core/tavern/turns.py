"""The exact turns of a model, and the presets of SillyTavern that write them.

Sources: SillyTavern 1.19.0, public/scripts/instruct-mode.js (formatInstructModeChat, formatInstructModePrompt,
formatInstructModeStoryString, getInstructStoppingSequences), public/script.js (Generate, cleanUpMessage) and
default/content/presets.
"""

from typing import Any, Final

from stackctl.contracts.turns import Marks as Marks  # noqa: PLC0414 - whoever writes presets finds them here
from stackctl.contracts.turns import Turns as Turns  # noqa: PLC0414 - as above

# as in SillyTavern's own presets (ChatML.json, Llama 2 Chat.json)
_FIELDS: Final = (
    "anchorBefore", "system", "wiBefore", "description", "personality", "scenario", "wiAfter", "persona", "anchorAfter",
)  # fmt: skip
_STORY: Final = "".join(f"{{{{#if {one}}}}}{{{{{one}}}}}\n{{{{/if}}}}" for one in _FIELDS) + "{{trim}}"
_ALIGNMENT: Final = "Let's get started. Please respond based on the information and instructions provided above."


def instruct_preset(name: str, turns: Turns) -> dict[str, Any]:
    """Return the instruct preset of these turns, complete as SillyTavern saves it.

    `wrap` is off, as it adds newlines to all sequences. The stop strings stand in `stop_sequence`, a line each: with
    `sequences_as_stop_strings` SillyTavern also deletes every line of the sequences from the answers, and among them
    may be the marks of the thoughts. Where the story and the first question are one turn, examples of dialogue are no
    turns but a part of the story.
    """
    last = turns.generation if turns.generation != turns.output_prefix else ""
    return {
        "input_sequence": turns.input_prefix,
        "output_sequence": turns.output_prefix,
        "last_output_sequence": last,
        "system_sequence": turns.system_prefix,
        "stop_sequence": "\n".join(turns.stops),
        "wrap": False,
        "macro": turns.has_macros,
        "names_behavior": "none" if turns.leaves_header_open else "force",  # "force": in a group alone
        "activation_regex": "",
        "first_output_sequence": "",
        "skip_examples": turns.joins_story,
        "output_suffix": turns.output_suffix,
        "input_suffix": turns.input_suffix,
        "system_suffix": turns.system_suffix,
        "user_alignment_message": _ALIGNMENT if turns.needs_user_first else "",
        "system_same_as_user": turns.system_as_user,
        "last_system_sequence": last,  # for what extensions ask in the background, such as a summary
        "first_input_sequence": turns.first_input,
        "last_input_sequence": "",
        "sequences_as_stop_strings": False,
        "story_string_prefix": turns.story_prefix,
        "story_string_suffix": turns.story_suffix,
        "name": name,
    }


def context_preset(name: str, turns: Turns) -> dict[str, Any]:
    """Return the context preset that belongs to these turns: SillyTavern's usual story, with nothing around it."""
    return {
        "story_string": _STORY,
        "example_separator": "\n" if turns.joins_story else "",  # SillyTavern adds a newline
        "chat_start": "",
        "use_stop_strings": False,
        "names_as_stop_strings": True,
        "story_string_position": 0,
        "story_string_depth": 1,
        "story_string_role": 0,
        "always_force_name2": True,
        "trim_sentences": False,
        "single_line": False,
        "name": name,
    }


def reasoning_preset(name: str, marks: Marks) -> dict[str, Any]:
    """Return the reasoning preset of these marks."""
    return {"name": name, "prefix": marks.prefix, "suffix": marks.suffix, "separator": marks.separator}
