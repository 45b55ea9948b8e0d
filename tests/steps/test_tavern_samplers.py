"""The preset of a model's samplers in SillyTavern: selected in a new stack, offered in one that has its own."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.config.files import DEMO
from stackctl.core.model.model import ModelSeen
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern.profiles import of_models
from stackctl.steps.seed_tavern import seed_tavern, wanted_settings
from tests.commands.machines import quiet
from tests.core.samples import a_plan, model, seen, wanted

STOCK = {"temp": 1, "top_p": 0.95, "rep_pen": 1.1, "preset": "Default", "samplers": ["top_k"]}
FILES = {
    tavern.STOCK_SETTINGS: json.dumps({"main_api": "koboldhorde", "textgenerationwebui_settings": STOCK}),
    f"{tavern.PRESETS['textgen']}/Default.json": json.dumps({**STOCK, "samplers": ["penalties"]}),
}
PRESETS = "sillytavern/data/default-user/TextGen Settings"


def with_samplers(title: str = "Tune 8B", **samplers: float) -> ModelSeen:
    found = model()
    return replace(found, header=replace(found.header, title=title, samplers=samplers))


class Here:
    """A stack's folder, and deploys in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.quietly = folder, quiet(folder)
        self.quietly.docker.files = FILES

    def plan(self, of: ModelSeen, **others: ModelSeen) -> Plan:
        owner = self.quietly.machine.folder.owner
        spec = wanted(sillytavern={"uid": owner.uid, "gid": owner.gid, "template": "none"})
        return a_plan(spec, replace(seen(of=of), models=others))

    def deploy(self, of: ModelSeen, **others: ModelSeen) -> str:
        """Return what was said meanwhile."""
        plan, before = self.plan(of, **others), len(self.quietly.said.getvalue())
        written = wanted(models={name: {"path": f"{name}.gguf", "template": "none"} for name in others})
        profiles = of_models(written, replace(seen(of=of), models=others), server_type="llamacpp", url="")
        seed_tavern(plan, wanted_settings(plan, profiles, self.quietly.machine), self.quietly.machine)
        return self.quietly.said.getvalue()[before:]

    @property
    def settings(self) -> Path:
        return self.folder / "sillytavern" / tavern.SETTINGS

    @property
    def text(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.settings.read_text())["textgenerationwebui_settings"]
        return found

    def change(self, **values: Any) -> None:
        whole = json.loads(self.settings.read_text())
        whole["textgenerationwebui_settings"].update(values)
        self.settings.write_text(json.dumps(whole))

    def preset(self, name: str = "Tune 8B") -> Any:
        return json.loads((self.folder / PRESETS / f"{name}.json").read_text())


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


def test_a_new_stack_has_it_selected_with_its_values(here: Here) -> None:
    said = here.deploy(with_samplers(temperature=0.7, top_k=20))
    preset = here.preset()
    assert (preset["temp"], preset["top_k"], preset["top_p"], preset["rep_pen"]) == (0.7, 20, 1, 1)
    assert {key: here.text[key] for key in ("preset", *preset)} == {"preset": "Tune 8B", **preset}
    assert "choose it" not in said


def test_the_first_model_after_the_demo_model_has_its_own_and_the_next_one_too(here: Here) -> None:
    here.deploy(replace(model(), wanted=DEMO))
    assert here.text["preset"] == "Default"
    here.deploy(with_samplers(temperature=0.7))
    assert (here.text["preset"], here.text["temp"]) == ("Tune 8B", 0.7)
    here.deploy(with_samplers("Other 12B", top_k=64))
    assert (here.text["preset"], here.text["temp"], here.text["top_k"]) == ("Other 12B", 1, 64)
    here.deploy(model())  # of which nothing is known
    assert (here.text["preset"], here.text["top_p"]) == ("Default", 0.95)


def test_another_catalogue_changes_no_stack_that_is_here(here: Here) -> None:
    found = with_samplers()
    here.deploy(replace(found, catalogue_samplers={"temperature": 0.7}), b=replace(found, name="b.gguf"))
    before = here.text
    here.deploy(replace(found, catalogue_samplers={"temperature": 0.9, "top_k": 5}), b=replace(found, name="b.gguf"))
    assert here.text == before
    assert (here.preset()["temp"], here.preset()["top_k"]) == (0.7, 0)


def test_a_stack_from_before_is_offered_it_by_name(here: Here) -> None:
    here.deploy(model())
    said = here.deploy(with_samplers(temperature=0.7))
    assert here.text["preset"] == "Default"
    assert here.preset()["temp"] == 0.7
    assert "as the preset Tune 8B: choose it under AI Response Configuration" in said
    assert "choose it" not in here.deploy(with_samplers(temperature=0.7))


@pytest.mark.parametrize("change", [{"preset": "Neutral"}, {"temp": 0.9}])
def test_what_the_user_has_chosen_stays(here: Here, change: dict[str, Any]) -> None:
    here.deploy(with_samplers(temperature=0.7))
    here.change(**change)
    mine = here.text
    said = here.deploy(with_samplers("Other 12B", temperature=0.5))
    assert here.text == mine
    assert here.preset("Other 12B")["temp"] == 0.5
    assert "as the preset Other 12B: choose it" in said


def test_a_preset_that_the_user_has_under_that_name_stays_and_ours_has_another(here: Here) -> None:
    (here.folder / PRESETS).mkdir(parents=True)
    (here.folder / PRESETS / "Tune 8B.json").write_text('{"temp": 2}')
    here.deploy(with_samplers(temperature=0.7), b=with_samplers(temperature=0.7))
    assert here.preset() == {"temp": 2}
    assert here.text["preset"] == "Tune 8B (stackctl)"
    (profile,) = json.loads(here.settings.read_text())["extension_settings"]["connectionManager"]["profiles"]
    assert profile["preset"] == "Tune 8B (stackctl)"


def test_each_of_several_models_has_its_preset_in_its_connection_profile(here: Here) -> None:
    here.deploy(model(), a=with_samplers("A", temperature=0.7), b=with_samplers("B", top_k=5))
    profiles = json.loads(here.settings.read_text())["extension_settings"]["connectionManager"]["profiles"]
    assert {one["name"]: one["preset"] for one in profiles} == {"a": "A", "b": "B"}
    assert (here.preset("A")["temp"], here.preset("B")["top_k"]) == (0.7, 5)
