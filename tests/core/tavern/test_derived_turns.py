"""The turns of a model by its own chat template: each trait that real templates have."""

import pytest

from stackctl.core.tavern.cut_talks import Tokens
from stackctl.core.tavern.derived_turns import derive_turns
from stackctl.core.tavern.instruct_mode import Message, format_talk
from stackctl.core.tavern.turns import Marks, Turns, instruct_preset
from tests.core.tavern import chat_templates as own
from tests.core.tavern.chat_templates import render, turns

STORY, TALK = "Story", (Message("user", "One"), Message("assistant", "Two"), Message("user", "Three"))


def sent(found: Turns) -> str:
    """What SillyTavern sends of a talk of three turns."""
    return format_talk(instruct_preset("x", found), STORY, TALK)


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        (
            own.USUAL,
            (
                "<|im_start|>system\nStory<|im_end|>\n<|im_start|>user\nOne<|im_end|>\n<|im_start|>assistant\nTwo<|im_end|>\n"
                "<|im_start|>user\nThree<|im_end|>\n<|im_start|>assistant\n"
            ),
        ),
        (own.REFUSING, "[INST] Story\n\nOne [/INST] Two</s>[INST] Three [/INST]"),
        (
            own.AFTER_STORY,
            "<sys>Story</sys><dev>tools: none</dev><usr>One</usr><bot>Two</bot><usr>Three</usr><bot>",
        ),
        (
            own.NO_LAST_NEWLINE,
            "<|system|>\nStory\n<|user|>\nOne\n<|assistant|>\nTwo</s>\n<|user|>\nThree\n<|assistant|>\n",
        ),
        (own.ALWAYS_BEGINS, "Story\n\nUSER: One\nASSISTANT: Two</s>\nUSER: Three\nASSISTANT:"),
        (
            own.EXTRAS,
            "<|system|>Story<|end|><|user|>One<|end|><|assistant|>Two<|end|><|user|>Three<|end|><|assistant|>",
        ),
        (
            own.CHANNELS,
            (
                "<|start|>system<|message|>Story<|end|><|start|>user<|message|>One<|end|><|start|>assistant<|channel|>final"
                "<|message|>Two<|end|><|start|>user<|message|>Three<|end|><|start|>assistant"
            ),
        ),
    ],
)
def test_sillytavern_sends_a_talk_as_the_models_template_writes_it(template: str, prompt: str) -> None:
    assert sent(turns(template)) == prompt
    assert turns(template).is_exact


@pytest.mark.parametrize("template", [own.DEFAULT_TEXT, own.NO_TOOLS, own.PARTS])
def test_what_a_template_adds_without_a_system_text_and_what_it_expects_besides_is_no_turn(template: str) -> None:
    assert turns(template) == turns(own.USUAL)


def test_the_token_that_the_back_end_adds_is_left_to_it() -> None:
    template = "{{ bos_token }}" + own.USUAL
    assert turns(template).story_prefix == "<|im_start|>system\n"
    assert turns(template, Tokens(bos="[B]", adds_bos=False)).story_prefix == "[B]<|im_start|>system\n"
    assert turns("<bos>" + own.USUAL, Tokens()).story_prefix == "<|im_start|>system\n"


def test_a_date_is_todays_whenever_sillytavern_writes_it() -> None:
    found = turns(own.DATED)
    assert found.story_prefix.endswith("Today is {{datetimeformat DD MMMM YYYY}}.\n\n")
    assert found.system_as_user  # not all of that text before each note


def test_thoughts_have_their_marks_and_a_switch_that_turns_them_off() -> None:
    found = turns(own.SWITCHED)
    assert found.reasoning == Marks(prefix="<think>", suffix="</think>", separator="\n\n")
    assert (found.generation, found.opening) == ("<|im_start|>assistant\n", "")
    assert found.quiet
    assert found.quiet.generation == "<|im_start|>assistant\n<think>\n\n</think>\n\n"
    assert found.quiet.is_exact
    assert found.thinking is None  # as it is without the switch


def test_a_template_that_thinks_only_on_request_has_the_turns_for_it() -> None:
    found = turns(own.OLD_SWITCH)
    assert found.quiet is None
    assert found.thinking
    assert found.thinking.generation == "<|im_start|>assistant\n"


def test_a_template_that_opens_the_thoughts_itself_says_with_what() -> None:
    found = turns(own.OPENED)
    assert found.generation == "<|im_start|>assistant\n<think>\n"
    assert found.opening == "<think>\n"
    assert found.reasoning == Marks(prefix="<think>", suffix="</think>")


@pytest.mark.parametrize(
    ("mark", "marks"),
    [
        ("[THINK]", Marks(prefix="[THINK]", suffix="[/THINK]")),
        ("</seed:think>", Marks(prefix="<seed:think>", suffix="</seed:think>")),
        ("<thinking>", Marks(prefix="<thinking>", suffix="</thinking>")),
        ("</thought>", Marks(prefix="<thought>", suffix="</thought>")),
        ("<|START_THINKING|>", Marks(prefix="<|START_THINKING|>", suffix="<|END_THINKING|>")),
        ("<|channel>thought", Marks(prefix="<|channel>thought\n", suffix="<channel|>")),
    ],
)
def test_the_marks_are_also_known_where_the_template_only_removes_old_thoughts(mark: str, marks: Marks) -> None:
    template = own.USUAL.replace("{{ m.content }}", "{{ m.content.split('MARK')[-1] }}").replace("MARK", mark)
    assert turns(template).reasoning == marks


def test_thoughts_in_a_channel_are_marked_by_all_that_stands_around_them() -> None:
    assert turns(own.CHANNELS).reasoning == Marks(
        prefix="<|channel|>analysis<|message|>",
        suffix="<|end|><|start|>assistant<|channel|>final<|message|>",
    )


def test_an_answer_ends_at_the_end_of_its_turn_or_where_another_begins_but_not_within_thoughts() -> None:
    assert turns(own.USUAL).stops == ("<|im_end|>", "<|im_start|>user", "<|im_start|>system", "</s>")
    assert "<|end|>" not in turns(own.CHANNELS).stops


def test_a_greeting_comes_after_a_message_of_the_user_where_the_template_refuses_it() -> None:
    assert turns(own.REFUSING).needs_user_first
    assert not turns(own.USUAL).needs_user_first
    assert turns(own.REFUSING).system_as_user


def test_a_system_text_with_the_last_message_is_named_as_what_sillytavern_cannot_do() -> None:
    found = turns(own.LATE)
    assert not found.is_exact
    assert "with the user's last message" in found.lacks[0]
    assert sent(found) == "[INST]Story\n\nOne[/INST]Two</s>[INST]Three[/INST]"


@pytest.mark.parametrize("template", [own.CHANGING, own.GUARD, "none"])
def test_a_template_without_turns_gives_the_reason(template: str) -> None:
    assert derive_turns(template, Tokens(), render) == "it does not write each message of a talk once and in order"


@pytest.mark.parametrize(
    ("start", "fault"),
    [
        ("{{ 'x' * 20000 }}", "its turns have more than 16384 characters"),
        ("{{ '\\n' * 20000 }}", "its turns have more than 16384 characters"),
        ("{{ strftime_now('%Y' * 6000) }}", "its turns have more than 16384 characters"),
        ("\x1b[2J", "its turns hold control characters"),
        ("{{ '\\x00' }}", "its turns hold control characters"),
        ("\u202e", "its turns hold control characters"),
        ("{{ '{{setglobalvar::a::b}}' }}", "SillyTavern would take a part of its turns for a macro"),
        ("{{ '{{datetimeformat {{roll 6}}}}' }}", "SillyTavern would take a part of its turns for a macro"),
        ("{{ strftime_now('}} {{roll 6}} {{') }}", "it does not write each message of a talk once and in order"),
    ],
)
def test_turns_that_would_harm_sillytavern_are_none(start: str, fault: str) -> None:
    template = own.USUAL.replace("{{ m.content }}", f"{start}{{{{ m.content }}}}")
    assert template != own.USUAL
    assert derive_turns(template, Tokens(), render) == fault


def test_marks_of_thoughts_that_sillytavern_takes_for_macros_are_none() -> None:
    thoughts = "{% if m.thinking %}{{ '{{setvar::a::b}}' }}{{ m.thinking }}</t>{% endif %}{{ m.content }}"
    found = derive_turns(own.USUAL.replace("{{ m.content }}", thoughts), Tokens(), render)
    assert found == "SillyTavern would take a part of its turns for a macro"


def test_names_that_sillytavern_replaces_in_all_turns_where_one_is_a_date_are_named() -> None:
    plain = own.USUAL.replace("{{ m.role }}", "{{ '<user>' if m.role == 'user' else m.role }}")
    assert not turns(plain).lacks
    dated = plain.replace("{{ m.content }}", "{{ strftime_now('%Y') }}{{ m.content }}")
    assert "SillyTavern takes a part of its text for a macro" in turns(dated).lacks


def test_a_broken_template_gives_its_fault() -> None:
    assert "Encountered unknown tag 'evil'" in str(derive_turns("{% evil %}", Tokens(), render))
