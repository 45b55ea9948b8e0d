"""Presets of ours: names that every disk takes, and what becomes of a file that the user has changed or deleted."""

from typing import Any

import pytest

from stackctl.core.tavern import container as tavern
from stackctl.core.tavern.preset_files import (
    PresetFile,
    fate,
    is_named,
    names_apart,
    recorded,
    safe_name,
    shipped_names,
    with_recorded,
)

OURS = PresetFile(kind="instruct", name="Granite 4", content={"input_sequence": "<u>"})


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Granite 4.0 H Tiny", "Granite 4.0 H Tiny"),
        ("../../etc/passwd", "etc passwd"),
        ("a\\b:c*d?e", "a b c d e"),
        ("..", "model"),
        ("", "model"),
        ("\x00\x1b[31m\n", "[31m"),
        ("a\u202egpj", "a gpj"),
        ("con", "con model"),
        ("NUL.1", "NUL.1 model"),
        ("ends. ", "ends"),
        ("{{char}} | /echo", "char echo"),
        ("\ud800half", "half"),
        ("日本語モデル", "日本語モデル"),
    ],
)
def test_a_models_name_becomes_a_safe_file_name(title: str, name: str) -> None:
    assert safe_name(title) == name
    assert PresetFile(kind="instruct", name=name, content={}).place == f"data/default-user/instruct/{name}.json"


@pytest.mark.parametrize("title", ["x" * 300, "漢" * 300, "x" * 79 + ". ."])
def test_a_long_name_leaves_room_for_what_follows_it(title: str) -> None:
    assert 1 <= len(safe_name(title).encode()) <= 200
    assert safe_name(safe_name(title)) == safe_name(title)


def test_a_preset_of_samplers_is_named_by_its_file_alone() -> None:
    samplers = PresetFile(kind="textgen", name="Granite 4", content={"temp": 1})
    assert samplers.place == "data/default-user/TextGen Settings/Granite 4.json"
    assert (samplers.table, OURS.table) == ({"temp": 1}, {"input_sequence": "<u>", "name": "Granite 4"})


CHANGED = {**OURS.table, "input_sequence": "<mine>"}
OLDER = {**OURS.table, "input_sequence": "<older>"}


@pytest.mark.parametrize(
    ("now", "wrote", "is_named", "expected"),
    [
        (None, None, False, "write"),
        (OURS.table, None, False, "keep"),
        (CHANGED, None, True, "theirs"),  # the user has made one of this name
        ({}, None, True, "theirs"),  # unreadable
        (OLDER, OLDER, True, "write"),  # unchanged since
        (CHANGED, OURS.table, True, "theirs"),
        (CHANGED, OLDER, True, "theirs"),
        (None, OURS.table, False, "theirs"),  # deleted: it stays so
        (None, OURS.table, True, "write"),  # but the settings name it
    ],
)
def test_a_file_is_written_only_where_it_is_ours(now: Any, wrote: Any, is_named: bool, expected: str) -> None:
    assert fate(OURS, now, wrote, is_named=is_named) == expected


def test_settings_name_a_preset_as_the_selected_one_or_in_a_profile() -> None:
    profile = {"connectionManager": {"profiles": [3, {"instruct": "Granite 4"}]}}
    assert is_named(OURS, {"power_user": {"instruct": {"preset": "Granite 4"}}})
    assert is_named(OURS, {"extension_settings": profile})
    assert not is_named(OURS, {"power_user": {"instruct": {"preset": "ChatML"}, "context": {"preset": "Granite 4"}}})
    assert not is_named(OURS, {"power_user": 3, "extension_settings": [], "textgenerationwebui_settings": None})


def test_a_record_gives_back_what_was_written_and_nothing_that_lies_elsewhere() -> None:
    record = {"presets": with_recorded({}, [OURS])}
    assert recorded(record)["instruct"] == {"Granite 4": OURS.table}
    hostile = {"presets": {"instruct": {"../../settings": {}, "a\0b": {}, "odd": 3}, "context": [], "else": {"x": {}}}}
    assert not any(recorded(hostile).values())
    assert recorded({"presets": None}) == recorded({})


def test_a_taken_name_gets_a_remark_and_then_numbers() -> None:
    assert [one.name for one in names_apart(OURS)][:3] == [
        "Granite 4",
        "Granite 4 (stackctl)",
        "Granite 4 (stackctl 2)",
    ]
    folder = tavern.PRESETS["instruct"]
    assert shipped_names("instruct", [f"{folder}/ChatML.json", f"{folder}-other/x.json"]) == {"chatml"}
