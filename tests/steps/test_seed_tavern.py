"""SillyTavern's settings.json in a real folder: written, followed, kept aside when damaged."""

import json
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import settings_json as tavern_settings
from stackctl.core.tavern.settings_json import Presets
from stackctl.errors import DataError
from stackctl.steps.seed_tavern import WantedSettings, seed_tavern
from tests.commands.machines import Quiet, quiet
from tests.core.samples import a_plan, seen, wanted

STOCK = {"main_api": "koboldhorde", "firstRun": True, "max_context": 8192, "mine": 1}


def want(context: int = 2048, presets: Presets | None = None) -> WantedSettings:
    over = tavern_settings.overlay("llamacpp", "http://llamacpp:8080", context, presets or Presets())
    return WantedSettings(overlay=over, stock=STOCK, made_from={"context": context})


def here(folder: Path) -> tuple[Quiet, Plan, Path]:
    """A machine, the plan of a stack in it, and where its settings.json is."""
    machine = quiet(folder)
    owner = machine.machine.folder.owner
    plan = a_plan(wanted(sillytavern={"uid": owner.uid, "gid": owner.gid}), seen())
    return machine, plan, folder / "sillytavern" / tavern.SETTINGS


def read(file: Path) -> Any:
    return json.loads(file.read_text())


def stamp(folder: Path) -> str:
    return str(read(folder / "sillytavern/extensions/stackctl/stamp.json")["stamp"])


def test_the_first_settings_are_sillytaverns_own_with_our_overlay(tmp_path: Path) -> None:
    quietly, plan, settings = here(tmp_path)
    seed_tavern(plan, want(), quietly.machine)
    assert read(settings)["mine"] == 1
    assert tavern_settings.connection(read(settings)) == ("llamacpp", "http://llamacpp:8080")
    assert settings.stat().st_mode & 0o777 == 0o600
    assert "connect by itself" in quietly.said.getvalue()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", "\0\0\0", "[" * 100_000])
def test_damaged_settings_are_kept_aside_said_and_made_anew(tmp_path: Path, text: str) -> None:
    quietly, plan, settings = here(tmp_path)
    settings.parent.mkdir(parents=True)
    settings.write_text(text)
    seed_tavern(plan, want(), quietly.machine)
    assert settings.with_name("settings.json.kept-1").read_text() == text
    assert read(settings)["mine"] == 1
    assert "damaged" in quietly.said.getvalue()


@pytest.mark.parametrize("record", ["{", "[]", "null", '{"overlay": 3}'])
def test_a_damaged_record_of_ours_costs_nothing(tmp_path: Path, record: str) -> None:
    quietly, plan, settings = here(tmp_path)
    seed_tavern(plan, want(), quietly.machine)
    (tmp_path / ".stackctl/sillytavern.json").write_text(record)
    seed_tavern(plan, want(4096), quietly.machine)
    # what we wrote can't be told from the user's own choice now, so it stays, and that is said
    assert read(settings)["max_context"] == 2048
    assert "kept your own changes in SillyTavern's settings: max_context" in quietly.said.getvalue()


def test_a_change_of_ours_is_followed_and_stamped_for_pages_that_are_open(tmp_path: Path) -> None:
    quietly, plan, settings = here(tmp_path)
    seed_tavern(plan, want(), quietly.machine)
    first = stamp(tmp_path)
    settings.write_text(json.dumps(read(settings) | {"username": "Alice"}))
    seed_tavern(plan, want(4096), quietly.machine)
    assert (read(settings)["max_context"], read(settings)["username"]) == (4096, "Alice")
    assert stamp(tmp_path) != first
    assert "open tabs must be reloaded" in quietly.said.getvalue()


def test_the_marks_of_thoughts_follow_over_a_model_that_has_none(tmp_path: Path) -> None:
    quietly, plan, settings = here(tmp_path)
    for mark in ("<think>", "", "[THINK]"):
        reasoning = {"name": mark, "prefix": mark} if mark else {}
        seed_tavern(plan, want(presets=Presets(reasoning=reasoning)), quietly.machine)
    assert read(settings)["power_user"]["reasoning"]["prefix"] == "[THINK]"
    assert "kept your own" not in quietly.said.getvalue()


def test_a_deploy_that_changes_no_settings_stamps_nothing(tmp_path: Path) -> None:
    quietly, plan, settings = here(tmp_path)
    seed_tavern(plan, want(), quietly.machine)
    before = settings.read_bytes(), stamp(tmp_path)
    seed_tavern(plan, want(), quietly.machine)
    seed_tavern(plan, None, quietly.machine)
    assert (settings.read_bytes(), stamp(tmp_path)) == before


def test_our_extension_lies_among_sillytaverns_and_belongs_to_its_user(tmp_path: Path) -> None:
    quietly, plan, _ = here(tmp_path)
    seed_tavern(plan, want(), quietly.machine)
    folder = tmp_path / "sillytavern/extensions/stackctl"
    assert read(folder / "manifest.json")["js"] == "index.js"
    scripts = {"index.js", "settings.js", "chats.js", "connection.js", "page.js"}
    assert {file.name for file in folder.iterdir()} == {"manifest.json", "stamp.json", *scripts}


@pytest.mark.parametrize("link", ["the file", "its folder"])
def test_a_link_that_the_container_planted_is_not_followed(tmp_path: Path, link: str) -> None:
    machine, plan, file = here(tmp_path)
    secret = tmp_path / "elsewhere" / file.name
    secret.parent.mkdir()
    secret.write_text('{"of": "the host"}')
    seed_tavern(plan, want(), machine.machine)
    if link == "the file":
        file.unlink()
        file.symlink_to(secret)
    else:
        file.parent.rename(tmp_path / "before")
        file.parent.symlink_to(secret.parent)
    with pytest.raises(DataError, match="is a link"):
        seed_tavern(plan, want(4096), machine.machine)
    assert secret.read_text() == '{"of": "the host"}'


def test_the_users_own_link_to_where_the_data_lies_is_followed(tmp_path: Path) -> None:
    machine, plan, file = here(tmp_path)
    (tmp_path / "other disk").mkdir()
    (tmp_path / "sillytavern").symlink_to(tmp_path / "other disk")
    seed_tavern(plan, want(), machine.machine)
    assert read(file)["max_context"] == 2048


def test_a_data_folder_of_another_user_is_said_with_both_ways_out(tmp_path: Path) -> None:
    quietly, _, _ = here(tmp_path)
    mine, config = quietly.machine.folder.owner.uid, tmp_path / "sillytavern" / "config"
    config.mkdir(parents=True)
    theirs = a_plan(wanted(sillytavern={"uid": mine + 1, "gid": 1}), seen())
    says = f"{config} belongs to user {mine}, but SillyTavern runs as user {mine + 1} and could not write there"
    with pytest.raises(DataError, match=says) as caught:
        seed_tavern(theirs, want(), quietly.machine)
    assert "sudo chown -R " in caught.value.hint
    assert f"sillytavern.uid = {mine} in stack.toml" in caught.value.hint
