"""The presets that the turns of a model become."""

from stackctl.core.tavern.turns import Marks, Turns, context_preset, instruct_preset, reasoning_preset

CHATML = Turns(
    story_prefix="<|im_start|>system\n",
    story_suffix="<|im_end|>\n",
    input_prefix="<|im_start|>user\n",
    input_suffix="<|im_end|>\n",
    output_prefix="<|im_start|>assistant\n",
    output_suffix="<|im_end|>\n",
    generation="<|im_start|>assistant\n<think>\n\n</think>\n\n",
    stops=("<|im_end|>", "<|im_start|>"),
)


def test_an_instruct_preset_adds_no_newlines_and_has_one_stop_string_a_line() -> None:
    preset = instruct_preset("Mine", CHATML)
    assert preset["wrap"] is False
    assert preset["stop_sequence"] == "<|im_end|>\n<|im_start|>"
    assert preset["sequences_as_stop_strings"] is False  # else the marks of thoughts would vanish from the answers
    assert preset["last_output_sequence"] == "<|im_start|>assistant\n<think>\n\n</think>\n\n"
    assert preset["name"] == "Mine"
    assert len(preset) == 23


def test_a_talk_that_must_begin_with_the_user_gets_a_message_before_the_characters_greeting() -> None:
    assert instruct_preset("Mine", Turns(needs_user_first=True))["user_alignment_message"]
    assert not instruct_preset("Mine", CHATML)["user_alignment_message"]


def test_the_story_ends_without_a_newline() -> None:
    story = context_preset("Mine", CHATML)["story_string"]
    assert story.startswith("{{#if anchorBefore}}{{anchorBefore}}\n{{/if}}{{#if system}}{{system}}\n{{/if}}")
    assert story.endswith("{{/if}}{{trim}}")


def test_examples_of_dialogue_are_a_part_of_the_story_where_this_and_the_first_question_are_one_turn() -> None:
    joined = Turns(story_prefix="[INST] ", input_prefix="[INST] ", input_suffix=" [/INST]", first_input="\n\n")
    assert instruct_preset("Mine", joined)["skip_examples"] is True  # SillyTavern's word for "no turns of their own"
    assert context_preset("Mine", joined)["example_separator"] == "\n"
    assert instruct_preset("Mine", CHATML)["skip_examples"] is False
    assert context_preset("Mine", CHATML)["example_separator"] == ""


def test_a_reasoning_preset_has_the_marks() -> None:
    assert reasoning_preset("Mine", Marks(prefix="[THINK]", suffix="[/THINK]")) == {
        "name": "Mine", "prefix": "[THINK]", "suffix": "[/THINK]", "separator": "\n",
    }  # fmt: skip


def test_in_a_group_no_name_stands_where_the_model_itself_writes_the_rest_of_its_header() -> None:
    channels = Turns(output_prefix="<|start|>bot<|channel|>final<|message|>", generation="<|start|>bot")
    assert instruct_preset("x", channels)["names_behavior"] == "none"
    blank = Turns(output_prefix=" [/Q] ", generation=" [/Q]")
    marks = Marks(prefix="<think>", suffix="</think>")
    thinks = Turns(output_prefix="<bot>\n<think></think>", generation="<bot>\n", reasoning=marks)
    for one in (CHATML, blank, thinks):
        assert instruct_preset("x", one)["names_behavior"] == "force"
