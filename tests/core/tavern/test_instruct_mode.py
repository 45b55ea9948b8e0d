"""What SillyTavern sends by a preset, as its instruct-mode.js has it."""

from typing import Any

from stackctl.core.tavern.exact_presets import exact_preset
from stackctl.core.tavern.instruct_mode import Message, format_talk
from stackctl.core.tavern.turns import Turns, instruct_preset
from tests.core.tavern import chat_templates as own
from tests.core.tavern.chat_templates import turns

# in the manner of SillyTavern's ChatML, whose lines end by `wrap`
WRAPPED: dict[str, Any] = {
    "input_sequence": "<|im_start|>user", "output_sequence": "<|im_start|>assistant", "wrap": True,
    "input_suffix": "<|im_end|>\n", "output_suffix": "<|im_end|>\n", "names_behavior": "force",
    "story_string_prefix": "<|im_start|>system", "story_string_suffix": "<|im_end|>\n",
}  # fmt: skip
HELLO, HI, BYE = Message("assistant", "Hello"), Message("user", "Hi"), Message("user", "Bye")


def test_a_preset_that_wraps_ends_each_sequence_with_a_newline() -> None:
    assert format_talk(WRAPPED, "S", (HI, HELLO, BYE)) == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n"
        "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_users_last_message_has_its_own_sequence_before_that_of_the_first_one() -> None:
    preset = {"input_sequence": "[u]", "first_input_sequence": "[f]", "last_input_sequence": "[l]"}
    assert format_talk(preset, "", (HI, BYE)) == "[f]Hi[l]Bye"
    assert format_talk(preset, "", (HI,)) == "[l]Hi"


def test_a_greeting_has_the_users_alignment_message_before_it() -> None:
    preset = {"input_sequence": "[u]", "output_sequence": "[a]", "user_alignment_message": "Begin."}
    assert format_talk(preset, "S", (HELLO, HI)) == "S[u]Begin.[a]Hello[u]Hi[a]"
    assert format_talk(preset, "S", (HI,)) == "S[u]Hi[a]"


def test_a_note_within_the_talk_has_the_systems_sequences_or_the_users() -> None:
    preset = {"input_sequence": "[u]", "system_sequence": "[s]", "system_suffix": "[/s]"}
    note = Message("system", "Note")
    assert format_talk(preset, "", (HI, note)) == "[u]Hi[s]Note[/s]"
    assert format_talk(preset | {"system_same_as_user": True}, "", (note, HI)) == "[u]Note[u]Hi"


def test_a_preset_of_sillytavern_is_kept_where_it_is_exact() -> None:
    named = WRAPPED | {"names_behavior": "always"}
    assert exact_preset(turns(own.USUAL), {"A": named, "ChatML": WRAPPED}, "Alpaca") == "ChatML"
    assert exact_preset(turns(own.SWITCHED).quiet or Turns(), {"ChatML": WRAPPED}, "ChatML") is None


def test_only_of_the_likely_preset_may_the_story_differ() -> None:
    other = instruct_preset("Other", turns(own.DEFAULT_TEXT)) | {"story_string_suffix": " "}
    assert exact_preset(turns(own.USUAL), {"Other": other}, "Other") == "Other"
    assert exact_preset(turns(own.USUAL), {"Other": other}, "Alpaca") is None
