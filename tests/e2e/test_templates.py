"""The prompt template in the real SillyTavern: from the model, by its own presets, and never over the user's choice."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.model.demo_model import SENTENCE
from stackctl.core.model.model import Header
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import prompt_templates, shipped_presets
from stackctl.effects.docker.engine import Engine
from tests.core.tavern.test_prompt_templates import FAMILIES
from tests.e2e.conftest import Stack
from tests.e2e.failing import IDLE, lasting, override

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def shipped(own_images: None) -> dict[str, Any]:
    """SillyTavern's own presets, by their path in the image."""
    del own_images
    files = Engine().read_files(tavern.OWN_IMAGE, tuple(tavern.PRESETS.values()))
    return {path: json.loads(text) for path, text in files.items()}


def test_every_template_that_we_may_choose_is_one_of_sillytaverns(shipped: dict[str, Any]) -> None:
    known = {
        kind: {Path(path).stem for path in shipped if path.startswith(f"{place}/")}
        for kind, place in tavern.PRESETS.items()
    }
    assert len(known["instruct"]) > 30
    chosen = [
        prompt_templates.recognise_template(Header(format="gguf", chat_template=t, tokenizer=k), f)
        for f, t, k, *_ in FAMILIES
    ]
    chosen += [prompt_templates.template_named(name) for name in known["instruct"]]
    for one in chosen:
        assert one.instruct in known["instruct"]
        assert one.context in known["context"], one
        assert one.reasoning in known["reasoning"] | {""}


def test_the_turns_that_a_models_own_are_compared_with_are_those_of_the_image(shipped: dict[str, Any]) -> None:
    for name, ours in shipped_presets.SHIPPED.items():
        preset = shipped[f"{tavern.PRESETS['instruct']}/{name}.json"]
        assert {key: preset.get(key) or "" for key in ours} == {key: value or "" for key, value in ours.items()}, name
    for name, marks in shipped_presets.REASONING.items():
        preset = shipped[f"{tavern.PRESETS['reasoning']}/{name}.json"]
        assert (preset["prefix"], preset["suffix"]) == marks, name


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, installed: Path, own_images: None) -> Iterator[Stack]:
    """One stack for the tests that change its settings."""
    del own_images
    with lasting(tmp_path_factory.mktemp("templates") / "t-templates", installed) as stack:
        assert stack.deploy()["reply"] == SENTENCE
        yield stack


def settings(stack: Stack) -> Path:
    return stack.folder / "sillytavern" / tavern.SETTINGS


def read(stack: Stack) -> Any:
    return json.loads(settings(stack).read_text())


def test_the_presets_content_is_written_and_follows_until_the_user_chooses(
    deployed: Stack, shipped: dict[str, Any]
) -> None:
    stack = deployed
    power = read(stack)["power_user"]
    preset = shipped[f"{tavern.PRESETS['instruct']}/ChatML.json"]
    assert power["instruct"] == {"enabled": True, "preset": "ChatML"} | {k: v for k, v in preset.items() if k != "name"}
    started = stack.inspect("sillytavern")["State"]["StartedAt"]

    stack.deploy("--template", "Alpaca")
    power = read(stack)["power_user"]
    assert (power["instruct"]["preset"], power["context"]["preset"]) == ("Alpaca", "Alpaca")
    assert power["instruct"]["input_sequence"] == "### Instruction:"
    assert stack.inspect("sillytavern")["State"]["StartedAt"] == started

    mine = read(stack)
    mine["power_user"]["instruct"]["input_sequence"] = "<|mine|>"
    settings(stack).write_text(json.dumps(mine))
    done = stack.run("deploy", "--images", "own", "--template", "Llama 3 Instruct")
    kept = "the instruct template, the context template, which goes with it"
    assert f"kept your own changes in SillyTavern's settings: {kept}" in done.stderr
    power = read(stack)["power_user"]
    assert power["instruct"]["input_sequence"] == "<|mine|>"
    assert power["context"]["preset"] == "Alpaca"


def test_a_template_that_sillytavern_lacks_is_refused_with_those_that_are_close(stack: Stack) -> None:
    said = stack.fails(3, "deploy", "--images", "own", "--template", "ChatLM")
    assert "hint: Write ChatML or " in said
    assert stack.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={stack.name}") == ""


def test_none_leaves_sillytaverns_templates_alone(stack: Stack) -> None:
    override(stack, llamacpp=IDLE, sillytavern=IDLE)
    stack.deploy("--template", "none", "--no-proof")
    assert read(stack)["power_user"]["instruct"]["enabled"] is False


def test_damaged_settings_are_kept_aside_and_the_stack_comes_up_connected(deployed: Stack) -> None:
    stack = deployed
    settings(stack).write_text('{"main_api": "textgen')
    done = stack.run("deploy", "--images", "own", "--json")
    assert json.loads(done.stdout)["reply"] == SENTENCE
    assert "damaged" in done.stderr
    assert settings(stack).with_name("settings.json.kept-1").read_text() == '{"main_api": "textgen'
