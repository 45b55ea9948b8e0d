"""Our presets in SillyTavern's data folder: beside the user's, never over them, and undone after a failed deploy."""

import json
from pathlib import Path
from typing import Any

from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern.preset_files import PresetFile
from stackctl.steps.seed_tavern import RECORD, WantedSettings, seed_tavern
from stackctl.steps.tavern_presets import put_presets_back, with_free_names
from tests.commands.machines import Quiet
from tests.steps.test_seed_tavern import here

FOLDER = "sillytavern/data/default-user/instruct"


def preset(sequence: str = "<u>", name: str = "Granite 4") -> PresetFile:
    return PresetFile(kind="instruct", name=name, content={"input_sequence": sequence})


def seed(quietly: Quiet, plan: Plan, *files: PresetFile, selected: str = "Granite 4") -> None:
    over = {"power_user": {"instruct": {"preset": selected}}}
    want = WantedSettings(overlay=over, stock={"a": 1}, made_from={"files": len(files)}, presets=files)
    seed_tavern(plan, want, quietly.machine)


def read(file: Path) -> Any:
    return json.loads(file.read_text())


def test_a_preset_is_written_followed_and_belongs_to_sillytaverns_user(tmp_path: Path) -> None:
    quietly, plan, _ = here(tmp_path)
    seed(quietly, plan, preset("<old>"))
    assert read(tmp_path / FOLDER / "Granite 4.json") == {"input_sequence": "<old>", "name": "Granite 4"}
    seed(quietly, plan, preset("<new>"))
    assert read(tmp_path / FOLDER / "Granite 4.json")["input_sequence"] == "<new>"
    assert read(tmp_path / RECORD)["presets"]["instruct"]["Granite 4"]["input_sequence"] == "<new>"


def test_a_preset_that_the_user_changed_stays_and_that_is_said_once(tmp_path: Path) -> None:
    quietly, plan, _ = here(tmp_path)
    seed(quietly, plan, preset("<old>"))
    mine = {"input_sequence": "<mine>", "name": "Granite 4"}
    (tmp_path / FOLDER / "Granite 4.json").write_text(json.dumps(mine))
    seed(quietly, plan, preset("<old>"))
    assert "kept your own changes in SillyTavern's presets" not in quietly.said.getvalue()
    seed(quietly, plan, preset("<new>"))
    assert read(tmp_path / FOLDER / "Granite 4.json") == mine
    assert "kept your own changes in SillyTavern's presets: Granite 4 (instruct)" in quietly.said.getvalue()


def test_a_deleted_preset_stays_deleted_unless_the_settings_name_it(tmp_path: Path) -> None:
    quietly, plan, settings = here(tmp_path)
    seed(quietly, plan, preset())
    (tmp_path / FOLDER / "Granite 4.json").unlink()
    settings.write_text(json.dumps({"power_user": {"instruct": {"preset": "ChatML"}}}))
    seed(quietly, plan, preset())
    assert not (tmp_path / FOLDER / "Granite 4.json").exists()
    settings.write_text(json.dumps({"power_user": {"instruct": {"preset": "Granite 4"}}}))
    seed(quietly, plan, preset())
    assert (tmp_path / FOLDER / "Granite 4.json").exists()


def test_a_name_that_is_taken_is_left_to_whoever_has_it(tmp_path: Path) -> None:
    quietly, plan, _ = here(tmp_path)
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / "Granite 4.json").write_text('{"mine": 1}')
    (tmp_path / FOLDER / "Link.json").symlink_to("/etc/hostname")
    shipped = [f"{tavern.PRESETS['instruct']}/ChatML.json"]
    wanted = [preset(), preset(name="chatml"), preset(name="Link"), preset("<two>", "Free"), preset("<three>", "Free")]
    named = with_free_names(wanted, plan, shipped, {}, quietly.machine)
    assert [one.name for one in named] == [
        *("Granite 4 (stackctl)", "chatml (stackctl)", "Link (stackctl)", "Free", "Free (stackctl)"),
    ]
    seed(quietly, plan, *named)
    assert read(tmp_path / FOLDER / "Granite 4.json") == {"mine": 1}
    assert with_free_names(wanted, plan, shipped, read(tmp_path / RECORD), quietly.machine) == named


def test_where_every_name_is_taken_nothing_is_written_over(tmp_path: Path) -> None:
    quietly, plan, _ = here(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / FOLDER).parent.mkdir(parents=True)
    (tmp_path / FOLDER).symlink_to(tmp_path / "mine")
    seed(quietly, plan, *with_free_names([preset()], plan, [], {}, quietly.machine))
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_failed_deploys_presets_are_undone_unless_somebody_changed_them(tmp_path: Path) -> None:
    quietly, plan, _ = here(tmp_path)
    seed(quietly, plan, preset("<old>"))
    former = read(tmp_path / RECORD)
    seed(quietly, plan, preset("<new>"), preset(name="Other"), preset(name="Edited"))
    (tmp_path / FOLDER / "Edited.json").write_text('{"mine": 1}')
    put_presets_back(read(tmp_path / RECORD), former, plan, quietly.machine)
    assert {file.name for file in (tmp_path / FOLDER).iterdir()} == {"Granite 4.json", "Edited.json"}
    assert read(tmp_path / FOLDER / "Granite 4.json")["input_sequence"] == "<old>"
    assert read(tmp_path / FOLDER / "Edited.json") == {"mine": 1}


def test_a_preset_that_was_there_with_the_same_content_is_not_ours_to_remove(tmp_path: Path) -> None:
    quietly, plan, _ = here(tmp_path)
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / "Granite 4.json").write_text(json.dumps(preset().table))
    seed(quietly, plan, preset())
    put_presets_back(read(tmp_path / RECORD), {}, plan, quietly.machine)
    assert (tmp_path / FOLDER / "Granite 4.json").exists()
