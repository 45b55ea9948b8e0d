"""What the prompt templates that were decided on say: from the image, or the user's own."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern.prompt_templates import Template
from stackctl.core.tavern.settings_json import Presets
from stackctl.errors import ConfigError
from stackctl.steps.template_contents import template_contents
from tests.commands.machines import Quiet, quiet
from tests.core.samples import a_plan, seen, wanted

SHIPPED = {
    f"{tavern.PRESETS['instruct']}/ChatML.json": '{"name": "old", "wrap": true}',
    f"{tavern.PRESETS['instruct']}/Alpaca.json": "{}",
    f"{tavern.PRESETS['context']}/ChatML.json": '{"story": "x"}',
}


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    return quiet(tmp_path)


def plan(here: Quiet, *, source: str, instruct: str = "ChatML", reasoning: str = "") -> Plan:
    owner = here.machine.folder.owner
    made = a_plan(wanted(sillytavern={"uid": owner.uid, "gid": owner.gid}), seen())
    template = Template(instruct=instruct, context="ChatML", reasoning=reasoning, source=source)
    return replace(made, template=template)


def test_without_a_template_there_is_none(here: Quiet) -> None:
    made = replace(plan(here, source=""), template=None)
    assert template_contents(made, SHIPPED, here.machine) == Presets()


def test_each_preset_is_the_images_under_its_own_name(here: Quiet) -> None:
    found = template_contents(plan(here, source="the model's file"), SHIPPED, here.machine)
    assert (found.instruct, found.context) == ({"name": "ChatML", "wrap": True}, {"name": "ChatML", "story": "x"})
    assert here.said.getvalue() == ""


def test_one_that_the_user_names_may_be_his_own_and_only_then(here: Quiet, tmp_path: Path) -> None:
    own = tmp_path / "sillytavern/data/default-user/instruct"
    own.mkdir(parents=True)
    (own / "ChatML.json").write_text('{"mine": 1}')
    found = template_contents(plan(here, source="stack.toml"), SHIPPED, here.machine)
    assert found.instruct == {"name": "ChatML", "mine": 1}
    found = template_contents(plan(here, source="the model's file"), SHIPPED, here.machine)
    assert found.instruct == {"name": "ChatML", "wrap": True}


def test_a_name_that_there_is_not_is_refused_with_near_ones_or_all(here: Quiet) -> None:
    with pytest.raises(ConfigError, match="no instruct template 'ChatMl2'") as caught:
        template_contents(plan(here, source="stack.toml", instruct="ChatMl2"), SHIPPED, here.machine)
    assert caught.value.hint == "Write ChatML."
    with pytest.raises(ConfigError, match="no instruct template 'zzz'") as caught:
        template_contents(plan(here, source="stack.toml", instruct="zzz"), SHIPPED, here.machine)
    assert caught.value.hint == "Choose one of: Alpaca, ChatML."


def test_one_of_our_choice_that_this_sillytavern_lacks_is_said_and_left_out(here: Quiet) -> None:
    found = template_contents(plan(here, source="x", instruct="New", reasoning="Think"), SHIPPED, here.machine)
    assert (found.instruct, found.reasoning, found.context["name"]) == ({}, {}, "ChatML")
    said = here.said.getvalue()
    assert "this SillyTavern has no instruct template 'New', so that setting is left as it is" in said
    assert "has no reasoning template 'Think'" in said


def test_a_damaged_one_is_refused(here: Quiet) -> None:
    broken = {**SHIPPED, f"{tavern.PRESETS['instruct']}/ChatML.json": json.dumps([1])}
    with pytest.raises(ConfigError, match="template 'ChatML' is damaged"):
        template_contents(plan(here, source="x"), broken, here.machine)
