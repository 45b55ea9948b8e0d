"""SillyTavern's secrets.json on disk: private, damaged ones kept aside, the user's choice left and said."""

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import settings_json as tavern_settings
from stackctl.core.tavern.settings_json import Presets
from stackctl.secret import Secret
from stackctl.steps.tavern_key import give_key
from tests.commands.machines import Quiet, quiet
from tests.core.samples import KEY, a_plan, wanted

OURS = {"id": "stackctl", "value": KEY.reveal(), "label": "stackctl", "active": True}
THEIRS = {"id": "9b1d", "value": "their-key", "label": "my server", "active": True}


def planned(here: Quiet) -> Plan:
    owner = here.machine.folder.owner
    return a_plan(wanted(sillytavern={"uid": owner.uid, "gid": owner.gid}))


def place(folder: Path) -> Path:
    return folder / "sillytavern/data/default-user/secrets.json"


def holding(folder: Path, secrets: str, *, url: str = "http://llamacpp:8080/") -> None:
    """A SillyTavern that is set to this URL and has these secrets."""
    place(folder).parent.mkdir(parents=True)
    place(folder).write_text(secrets)
    settings = tavern_settings.overlay("llamacpp", url, 8192, Presets())
    place(folder).with_name("settings.json").write_text(json.dumps(settings))


def secrets(folder: Path) -> Any:
    return json.loads(place(folder).read_text())


def test_the_first_file_is_private_and_belongs_to_sillytaverns_user(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    give_key(planned(here), here.machine)
    assert secrets(tmp_path) == {"api_key_llamacpp": [OURS]}
    assert stat.S_IMODE(place(tmp_path).stat().st_mode) == 0o600
    assert here.said.getvalue() == ""


def test_the_users_own_keys_stay_and_ours_is_the_one_in_use_for_our_server(tmp_path: Path) -> None:
    holding(tmp_path, json.dumps({"api_key_openai": [THEIRS], "api_key_llamacpp": [THEIRS]}))
    here = quiet(tmp_path)
    give_key(planned(here), here.machine)
    assert secrets(tmp_path) == {
        "api_key_openai": [THEIRS],
        "api_key_llamacpp": [{**THEIRS, "active": False}, OURS],
    }
    assert here.said.getvalue() == ""


@pytest.mark.parametrize("entries", [[THEIRS], [THEIRS, {**OURS, "active": False}]])
def test_a_key_that_the_user_chose_is_left_in_use_and_said(tmp_path: Path, entries: list[object]) -> None:
    url = "http://elsewhere:1" if len(entries) == 1 else "http://llamacpp:8080"
    holding(tmp_path, json.dumps({"api_key_llamacpp": entries}), url=url)
    here = quiet(tmp_path)
    give_key(planned(here), here.machine)
    assert secrets(tmp_path)["api_key_llamacpp"] == [THEIRS, {**OURS, "active": False}]
    assert "another key (my server) for llama.cpp: left as you chose it" in here.said.getvalue()
    assert "their-key" not in here.said.getvalue()


def test_a_changed_key_follows(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    give_key(planned(here), here.machine)
    give_key(replace(planned(here), key=Secret("n" * 43)), here.machine)
    assert secrets(tmp_path) == {"api_key_llamacpp": [{**OURS, "value": "n" * 43}]}


def test_what_is_as_it_should_be_is_not_written_again(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    give_key(planned(here), here.machine)
    inode = place(tmp_path).stat().st_ino
    give_key(planned(here), here.machine)
    assert place(tmp_path).stat().st_ino == inode


@pytest.mark.parametrize("damaged", ["{", "", "[]", '"x"', "null"])
def test_a_damaged_file_is_kept_aside_and_said(tmp_path: Path, damaged: str) -> None:
    holding(tmp_path, damaged)
    here = quiet(tmp_path)
    give_key(planned(here), here.machine)
    assert secrets(tmp_path) == {"api_key_llamacpp": [OURS]}
    assert place(tmp_path).with_name("secrets.json.kept-1").read_text() == damaged
    assert "secrets.json was damaged: it is kept as secrets.json.kept-1" in here.said.getvalue()


def test_damaged_settings_are_no_obstacle(tmp_path: Path) -> None:
    holding(tmp_path, "{}")
    place(tmp_path).with_name("settings.json").write_text("{")
    here = quiet(tmp_path)
    give_key(planned(here), here.machine)
    assert secrets(tmp_path) == {"api_key_llamacpp": [OURS]}


def test_where_the_backend_wants_no_key_nothing_is_written(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    give_key(replace(planned(here), key=None), here.machine)
    assert list(tmp_path.iterdir()) == []


def test_a_backend_that_wants_no_key_is_sent_none_of_ours(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    keyless = replace(planned(here), key=None)
    give_key(keyless, here.machine)
    assert not place(tmp_path).exists()
    holding(tmp_path, json.dumps({"api_key_llamacpp": [THEIRS, OURS], "api_key_ooba": [OURS]}))
    give_key(keyless, here.machine)
    assert secrets(tmp_path) == {"api_key_llamacpp": [THEIRS], "api_key_ooba": [OURS]}
    assert stat.S_IMODE(place(tmp_path).stat().st_mode) == 0o600
