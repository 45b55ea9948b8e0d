"""Recommended samplers in SillyTavern's words, and whose choice the selected preset is."""

from dataclasses import replace
from typing import Any

import pytest

from stackctl.core.model.model import Header, ModelSeen
from stackctl.core.tavern import samplers
from stackctl.core.tavern.preset_files import PresetFile
from tests.core.samples import model

DEFAULT = {"preset": "Default", "temp": 1, "top_p": 0.95, "rep_pen": 1.1}


def of(format_: str = "gguf", *, catalogue: dict[str, float] | None = None, **own: float) -> ModelSeen:
    header = Header(format=format_, title="Some / Model: 8B", samplers=own)
    return replace(model(), header=header, catalogue_samplers=catalogue or {})


@pytest.mark.parametrize(
    ("one", "values", "source"),
    [
        (of(temperature=0.7, top_k=20), {"temp": 0.7, "top_k": 20}, "the model's header"),
        (of("safetensors", min_p=0.1), {"min_p": 0.1}, "its generation_config.json"),
        (of(temperature=0.7, catalogue={"temperature": 1.0, "top_k": 64}), {"temp": 0.7}, "the model's header"),
        (of(catalogue={"presence_penalty": 1.5}), {"presence_pen": 1.5}, "the catalogue"),
        (of(repetition_penalty=1.05), {"rep_pen": 1.05, "rep_pen_range": 64}, "the model's header"),
        (
            of(repetition_penalty=1.1, repetition_range=512),
            {"rep_pen": 1.1, "rep_pen_range": 512},
            "the model's header",
        ),
        (of(repetition_penalty=1.0), {"rep_pen": 1.0}, "the model's header"),
        (of(temperature=99.0, catalogue={"top_k": 5e9}), None, ""),
        (of(), None, ""),
    ],
)
def test_the_models_own_files_come_before_the_catalogue(
    one: ModelSeen, values: dict[str, float] | None, source: str
) -> None:
    found = samplers.recommended(one)
    assert (found and dict(found.values)) == values
    assert found is None or (found.name, found.source) == ("Some Model 8B", source)


def test_what_is_not_recommended_is_off_in_the_preset() -> None:
    (file,) = samplers.presets_of(of(temperature=0.7, top_k=20))
    assert file.place == "data/default-user/TextGen Settings/Some Model 8B.json"
    (plain,) = samplers.presets_of(of(top_p=1.0))
    assert file.table == {**plain.table, "temp": 0.7, "top_k": 20}
    assert {plain.table[one] for one in ("temp", "top_p", "typical_p", "rep_pen", "tfs", "smoothing_curve")} == {1}
    assert not any(plain.table[one] for one in ("top_k", "min_p", "presence_pen", "xtc_probability", "dry_multiplier"))
    assert samplers.presets_of(of()) == ()


NEUTRAL = {"temp": 1, "top_p": 1, "top_k": 0, "rep_pen": 1}
MINE = PresetFile(kind="textgen", name="Mine", content={**NEUTRAL, "temp": 0.7})
SELECTED = {**NEUTRAL, "temp": 0.7, "preset": "Mine"}


def settings(**text: Any) -> dict[str, Any]:
    return {"textgenerationwebui_settings": {"type": "llamacpp", **text}}


@pytest.mark.parametrize(
    ("now", "wrote", "chosen", "is_demo", "selected"),
    [
        ({}, {}, MINE, False, SELECTED),
        ({}, {}, None, False, {}),
        ({}, {}, None, True, DEFAULT),
        # somebody's page, or an older stackctl's
        (settings(preset="Default"), {}, MINE, False, {}),
        (settings(**DEFAULT), settings(), MINE, False, {}),
        # selected by stackctl, and as it was, whatever else the page has saved
        (settings(**DEFAULT, seed=-1), settings(**DEFAULT), MINE, False, SELECTED),
        (settings(**SELECTED), settings(**SELECTED), None, False, DEFAULT),
        (settings(**SELECTED), settings(**SELECTED), None, True, DEFAULT),
        # changed since
        (settings(**{**SELECTED, "temp": 0.8}), settings(**SELECTED), MINE, False, {}),
        (settings(**{**SELECTED, "preset": "Neutral"}), settings(**SELECTED), None, False, {}),
        ({"textgenerationwebui_settings": None}, settings(**SELECTED), MINE, False, {}),
    ],
)
def test_a_preset_is_selected_in_a_new_stack_and_while_the_selection_is_stackctls(
    now: dict[str, Any], wrote: dict[str, Any], chosen: PresetFile | None, is_demo: bool, selected: dict[str, Any]
) -> None:
    found = samplers.selection(chosen, settings=now, wrote=wrote, default=DEFAULT, is_demo=is_demo)
    assert found == selected
