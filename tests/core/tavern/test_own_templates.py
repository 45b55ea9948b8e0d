"""The template of a model whose own turns are known: SillyTavern's preset where exact, else one of the model's."""

from dataclasses import replace
from typing import Any

import pytest

from stackctl.core.formats.dataclass_json import from_plain, to_plain
from stackctl.core.model.model import Header
from stackctl.core.tavern.prompt_templates import (
    Template,
    choose_template,
    describe_template,
    own_name,
    recognise_template,
)
from stackctl.core.tavern.shipped_presets import exact_preset, shipped_reasoning
from stackctl.core.tavern.turns import Marks, Turns

THINK = Marks(prefix="<think>\n", suffix="\n</think>\n\n")
GRANITE = Turns(
    story_prefix="<|start_of_role|>system<|end_of_role|>", story_suffix="<|end_of_text|>\n",
    input_prefix="<|start_of_role|>user<|end_of_role|>", input_suffix="<|end_of_text|>\n",
    output_prefix="<|start_of_role|>assistant<|end_of_role|>", output_suffix="<|end_of_text|>\n",
    generation="<|start_of_role|>assistant<|end_of_role|>", stops=("<|end_of_text|>",), is_exact=True,
)  # fmt: skip
CHATML = Turns(
    story_prefix="<|im_start|>system\n", story_suffix="<|im_end|>\n",
    input_prefix="<|im_start|>user\n", input_suffix="<|im_end|>\n",
    output_prefix="<|im_start|>assistant\n", output_suffix="<|im_end|>\n",
    generation="<|im_start|>assistant\n", is_exact=True,
)  # fmt: skip
QWEN3 = replace(
    CHATML,
    reasoning=THINK,
    quiet=replace(CHATML, reasoning=THINK, generation="<|im_start|>assistant\n<think>\n\n</think>\n\n"),
)
OPENS = replace(CHATML, reasoning=THINK, generation="<|im_start|>assistant\n<think>\n", opening="<think>\n")


def template(turns: Turns | None, name: str = "granite-4.0-h-tiny-Q4_K_M.gguf", **settings: Any) -> Template:
    fault = "" if turns else "it calls os.system"
    header = Header(format="gguf", chat_template="{{ x }}", turns=turns, template_fault=fault)
    return recognise_template(header, name, **settings)


def contents(one: Template) -> dict[str, dict[str, Any]]:
    return {file.kind: file.table for file in one.files}


def test_turns_of_no_preset_become_presets_under_the_models_name() -> None:
    one = template(GRANITE)
    assert (one.instruct, one.context, one.reasoning) == ("granite-4.0-h-tiny", "granite-4.0-h-tiny", "")
    files = contents(one)
    assert files["instruct"]["input_sequence"] == "<|start_of_role|>user<|end_of_role|>"
    assert files["instruct"]["name"] == files["context"]["name"] == "granite-4.0-h-tiny"
    assert (one.is_guess, one.is_near) == (False, False)
    assert describe_template(one) == (
        "prompt template by its own chat template, in SillyTavern under granite-4.0-h-tiny"
    )


def test_sillytaverns_preset_is_taken_where_it_writes_the_same_turns() -> None:
    one = template(CHATML)
    assert (one.instruct, one.context, one.files, one.is_own) == ("ChatML", "ChatML", (), False)
    assert describe_template(one) == "prompt template ChatML, by its chat template"


@pytest.mark.parametrize(
    ("change", "preset"),
    [
        ({}, "ChatML"),
        ({"input_suffix": "<|im_end|>"}, ""),  # without the newline
        ({"story_suffix": "<|im_end|>"}, ""),
        ({"story_prefix": "<|im_start|>system\nYou are Qwen.\n"}, ""),
        ({"generation": "<|im_start|>assistant\n<think></think>\n"}, ""),
        ({"story_prefix": "<|im_start|>system\nToday Date: {{datetimeformat D}}\n\n"}, "ChatML"),
    ],
)
def test_a_preset_is_exact_to_the_character_but_for_a_date(change: dict[str, Any], preset: str) -> None:
    assert exact_preset(replace(CHATML, **change)) == preset


def test_a_template_without_a_system_turn_may_have_sillytaverns_way_to_write_the_story() -> None:
    gemma = Turns(
        story_prefix="<start_of_turn>user\n", story_suffix="\n\n", input_prefix="<start_of_turn>user\n",
        input_suffix="<end_of_turn>\n", output_prefix="<start_of_turn>model\n", output_suffix="<end_of_turn>\n",
        generation="<start_of_turn>model\n",
    )  # fmt: skip
    assert exact_preset(gemma) == "Gemma 2"


def test_thinking_is_off_by_default_where_the_template_has_a_switch() -> None:
    off, on = template(QWEN3, "Qwen3-8B.gguf"), template(QWEN3, "Qwen3-8B.gguf", thinking="on")
    assert (off.thinking, off.instruct, off.reasoning) == ("off", "Qwen3-8B", "Think XML")
    assert contents(off)["instruct"]["last_output_sequence"].endswith("<think>\n\n</think>\n\n")
    assert contents(off)["instruct"]["last_system_sequence"].endswith("</think>\n\n")  # a summary in the background
    assert contents(off)["instruct"]["output_sequence"] == "<|im_start|>assistant\n"
    assert (on.thinking, on.instruct, on.reasoning, on.files) == ("on", "ChatML", "Think XML", ())
    assert describe_template(off).endswith('thinking off (sillytavern.thinking = "on" turns it on)')
    assert describe_template(on).endswith("thinking on")


def test_a_switch_that_is_off_by_default_can_be_turned_on() -> None:
    turns = replace(CHATML, reasoning=THINK, thinking=replace(OPENS))
    assert template(turns).thinking == template(turns, thinking="off").thinking == "off"
    on = template(turns, thinking="on")
    assert (on.thinking, on.instruct, on.opening) == ("on", "ChatML", "<think>\n")


def test_thoughts_that_the_template_opens_are_the_start_of_the_reply_so_that_sillytavern_finds_them() -> None:
    one = template(OPENS, thinking="off")
    assert (one.thinking, one.opening, one.instruct, one.reasoning) == ("always", "<think>\n", "ChatML", "Think XML")
    assert describe_template(one).endswith("and it always thinks before it answers")


@pytest.mark.parametrize(
    ("marks", "preset"),
    [
        (THINK, "Think XML"),
        (Marks(prefix="<|channel>thought\n", suffix="<channel|>"), "Gemma 4"),
        (Marks(prefix="[THINK]", suffix="[/THINK]"), ""),
        (Marks(prefix="<seed:think>", suffix="</seed:think>"), ""),
    ],
)
def test_thoughts_have_sillytaverns_preset_where_it_has_one(marks: Marks, preset: str) -> None:
    assert shipped_reasoning(marks) == preset
    one = template(replace(CHATML, reasoning=marks), "Seed-36B.gguf")
    assert one.reasoning == (preset or "Seed-36B")
    own = contents(one).get("reasoning")
    written = {"name": "Seed-36B", "prefix": marks.prefix, "suffix": marks.suffix, "separator": "\n"}
    assert own == (None if preset else written)


def test_the_users_template_wins_and_none_changes_nothing() -> None:
    header = Header(format="gguf", chat_template="{{ x }}", turns=GRANITE)
    named = choose_template("Alpaca", header, "x.gguf")
    assert named
    assert (named.instruct, named.files, named.thinking) == ("Alpaca", (), "")
    assert choose_template("none", header, "x.gguf") is None


def test_a_name_never_beats_the_template() -> None:
    assert template(GRANITE, "Meta-Llama-3-8B-Instruct.gguf").instruct == "Meta-Llama-3-8B-Instruct"
    assert template(GRANITE, "Meta-Llama-3-8B-Instruct.gguf").turns == GRANITE


def test_a_preset_by_the_marks_alone_says_what_it_lacks_of_the_template() -> None:
    text, lacks = "[INST]{{ x }}[/INST]", "its turns change in the course of a longer talk"
    partly = Turns(input_prefix="[INST]", is_exact=False, lacks=(lacks,))
    for turns, fault, reason in ((partly, "", lacks), (None, "it is broken", "it is broken")):
        header = Header(format="gguf", chat_template=text, turns=turns, template_fault=fault)
        one = recognise_template(header, "model.gguf")
        assert one.instruct == "Mistral V2 & V3"
        assert one.is_near
        assert one.lack == reason


def test_a_template_that_cannot_be_rendered_is_a_guess_with_its_reason() -> None:
    one = template(None)
    assert (one.instruct, one.is_guess, one.lack) == ("Alpaca", True, "it calls os.system")


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (("granite-4.0-h-tiny-UD-Q4_K_XL-00001-of-00002.gguf", "Granite"), "granite-4.0-h-tiny"),
        (("Q4_K_M.gguf", "Granite / 4"), "Granite 4"),
        (("koboldcpp/My Model", ""), "My Model"),
        (("a" * 300 + ".gguf", ""), "a" * 80),
        ((".gguf", ""), "model"),
    ],
)
def test_the_name_of_a_models_presets_is_that_of_its_file_without_the_quantisation(
    names: tuple[str, str], name: str
) -> None:
    assert own_name(names) == name


def test_a_template_outlives_a_plan_that_is_kept_as_json() -> None:
    one = replace(template(OPENS), turns=None, marks=None)
    assert from_plain(Template, to_plain(one)) == one
