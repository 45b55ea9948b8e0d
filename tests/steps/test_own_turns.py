"""The turns of a model's own chat template: rendered, written into SillyTavern's settings and presets, and named."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from stackctl.core.model.model import Header
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern.profiles import ModelProfile, of_models
from stackctl.core.tavern.prompt_templates import Template, recognise_template
from stackctl.effects.chat_template import render
from stackctl.steps.own_turns import with_turns
from stackctl.steps.seed_tavern import RECORD, seed_tavern, wanted_settings
from tests.commands.machines import Quiet, quiet
from tests.core.samples import a_plan, model, model_file, seen, wanted

# no preset of SillyTavern has these turns
OWN = (
    "{% for one in messages %}[|{{ one.role }}|]{{ one.content }}[|end|]{% endfor %}"
    "{% if add_generation_prompt %}[|assistant|]{% endif %}"
)
THINKS = OWN.replace(
    "[|assistant|]{%",
    "[|assistant|]{% if enable_thinking is defined and not enable_thinking %}[THINK][/THINK]{% endif %}{%",
)
PRESETS = "sillytavern/data/default-user"


def here(folder: Path) -> Quiet:
    quietly = quiet(folder)
    quietly.host.rendering = render
    shipped = {kind: f"{place}/ChatML.json" for kind, place in tavern.PRESETS.items()}
    shipped |= {f"{kind} of Alpaca": f"{place}/Alpaca.json" for kind, place in tavern.PRESETS.items()}
    quietly.docker.files = {
        tavern.STOCK_SETTINGS: json.dumps({"main_api": "x"}),
        **dict.fromkeys(shipped.values(), "{}"),
    }
    return quietly


def template(quietly: Quiet, text: str, name: str = "tiny-Q4_K_M.gguf", thinking: str = "auto") -> Template:
    one = with_turns(
        replace(model(model_file(name)), header=Header(format="gguf", chat_template=text)), quietly.machine
    )
    return recognise_template(one.header, one.name, thinking=thinking)


def deploy(quietly: Quiet, one: Template, profiles: tuple[ModelProfile, ...] = ()) -> Plan:
    owner = quietly.machine.folder.owner
    made = a_plan(wanted(sillytavern={"uid": owner.uid, "gid": owner.gid}), seen())
    plan = replace(made, template=one)
    seed_tavern(plan, wanted_settings(plan, profiles, quietly.machine), quietly.machine)
    return plan


def read(file: Path) -> Any:
    return json.loads(file.read_text())


def test_a_models_own_turns_are_plain_values_and_presets_that_the_page_lists(tmp_path: Path) -> None:
    quietly = here(tmp_path)
    plan = deploy(quietly, template(quietly, OWN))
    power = read(tmp_path / "sillytavern" / tavern.SETTINGS)["power_user"]
    assert (power["instruct"]["preset"], power["context"]["preset"]) == ("tiny", "tiny")
    assert (power["instruct"]["enabled"], power["instruct"]["input_sequence"]) == (True, "[|user|]")
    listed = read(tmp_path / PRESETS / "instruct/tiny.json")
    assert {"enabled": True, "preset": listed.pop("name"), **listed} == power["instruct"]
    assert read(tmp_path / PRESETS / "context/tiny.json")["name"] == "tiny"
    assert wanted_settings(plan, (), quietly.machine) is None  # nothing has changed


def test_another_chat_template_is_followed_unless_the_user_changed_the_template(tmp_path: Path) -> None:
    quietly = here(tmp_path)
    deploy(quietly, template(quietly, OWN))
    deploy(quietly, template(quietly, OWN.replace("[|end|]", "[|stop|]")))
    settings = tmp_path / "sillytavern" / tavern.SETTINGS
    assert read(settings)["power_user"]["instruct"]["input_suffix"] == "[|stop|]"
    assert read(tmp_path / PRESETS / "instruct/tiny.json")["input_suffix"] == "[|stop|]"
    mine = read(settings)
    mine["power_user"]["instruct"]["input_suffix"] = "mine"
    settings.write_text(json.dumps(mine))
    deploy(quietly, template(quietly, OWN))
    assert read(settings)["power_user"]["instruct"]["input_suffix"] == "mine"
    deploy(quietly, template(quietly, OWN, "other.gguf"))
    assert read(settings)["power_user"]["instruct"]["preset"] == "tiny"
    assert "kept your own changes in SillyTavern's settings: the instruct template" in quietly.said.getvalue()


def test_an_existing_stack_gets_the_models_own_turns_and_that_is_said(tmp_path: Path) -> None:
    quietly = here(tmp_path)
    deploy(quietly, template(quietly, "{{ raise_exception('never') }}"))
    deploy(quietly, template(quietly, OWN))
    settings = read(tmp_path / "sillytavern" / tavern.SETTINGS)
    assert settings["power_user"]["instruct"]["preset"] == "tiny"
    assert "updated SillyTavern's settings (the prompt template is tiny instead of Alpaca)" in quietly.said.getvalue()


def test_a_preset_of_the_users_with_the_models_name_stays_and_the_profile_names_ours(tmp_path: Path) -> None:
    quietly = here(tmp_path)
    theirs = tmp_path / PRESETS / "instruct/tiny.json"
    theirs.parent.mkdir(parents=True)
    theirs.write_text('{"mine": 1}')
    world = seen(
        of=with_turns(
            replace(model(model_file("tiny.gguf")), header=Header(format="gguf", chat_template=OWN)), quietly.machine
        )
    )
    spec = wanted(models={"small": {"path": "/tiny.gguf"}})
    profiles = of_models(spec, replace(world, models={"small": world.model}), server_type="llamacpp", url="http://x:1")
    deploy(quietly, template(quietly, OWN), profiles)
    settings = read(tmp_path / "sillytavern" / tavern.SETTINGS)
    assert settings["power_user"]["instruct"]["preset"] == "tiny (stackctl)"
    [profile] = settings["extension_settings"]["connectionManager"]["profiles"]
    assert (profile["instruct"], profile["context"]) == ("tiny (stackctl)", "tiny")
    assert read(theirs) == {"mine": 1}
    assert read(theirs.with_name("tiny (stackctl).json"))["input_sequence"] == "[|user|]"


def test_thoughts_are_off_by_their_own_switch_and_still_recognised(tmp_path: Path) -> None:
    quietly = here(tmp_path)
    deploy(quietly, template(quietly, THINKS))
    power = read(tmp_path / "sillytavern" / tavern.SETTINGS)["power_user"]
    assert power["instruct"]["last_output_sequence"] == "[|assistant|][THINK][/THINK]"
    assert (power["reasoning"]["name"], power["reasoning"]["prefix"]) == ("tiny", "[THINK]")
    assert read(tmp_path / PRESETS / "reasoning/tiny.json")["suffix"] == "[/THINK]"
    deploy(quietly, template(quietly, THINKS, thinking="on"))
    power = read(tmp_path / "sillytavern" / tavern.SETTINGS)["power_user"]
    assert power["instruct"]["last_output_sequence"] == ""


def test_the_start_of_thoughts_that_the_template_writes_starts_the_reply_and_goes_with_the_model(
    tmp_path: Path,
) -> None:
    quietly = here(tmp_path)
    opens = OWN.replace("[|assistant|]{%", "[|assistant|]<think>\n{%")
    deploy(quietly, template(quietly, opens))
    settings = tmp_path / "sillytavern" / tavern.SETTINGS
    assert read(settings)["power_user"]["user_prompt_bias"] == "<think>\n"
    deploy(quietly, template(quietly, OWN))
    assert read(settings)["power_user"]["user_prompt_bias"] == ""


def test_a_template_that_fails_is_a_guess_with_the_reason(tmp_path: Path) -> None:
    one = template(here(tmp_path), "{{ raise_exception('never') }}")
    assert (one.instruct, one.is_guess) == ("Alpaca", True)
    assert one.lack


def test_the_presets_are_recorded(tmp_path: Path) -> None:
    quietly = here(tmp_path)
    deploy(quietly, template(quietly, OWN))
    assert read(tmp_path / RECORD)["presets"]["instruct"]["tiny"]["output_sequence"] == "[|assistant|]"
