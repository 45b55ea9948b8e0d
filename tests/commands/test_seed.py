"""An existing settings.json: followed where it is ours, never broken by a damaged file."""

import json
from pathlib import Path

import pytest

from stackctl.commands.seed import seed
from stackctl.core import tavern
from tests.commands.machines import quiet
from tests.core.samples import a_plan, seen, wanted

OVER = tavern.overlay("llamacpp", "http://llamacpp:8080", 2048)


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"max_context": 2048}'])
@pytest.mark.parametrize("wrote", ["{", "[]", json.dumps(OVER)])
def test_damaged_files_end_in_no_traceback_and_are_left_as_they_are(tmp_path: Path, text: str, wrote: str) -> None:
    here = quiet(tmp_path)
    owner = here.machine.folder.owner
    plan = a_plan(wanted(sillytavern={"uid": owner.uid, "gid": owner.gid}), seen())
    settings = tmp_path / "sillytavern" / tavern.SETTINGS
    settings.parent.mkdir(parents=True)
    settings.write_text(text)
    (tmp_path / ".stackctl").mkdir()
    (tmp_path / ".stackctl/sillytavern.json").write_text(wrote)
    seed(plan, here.machine)
    follows = text.startswith('{"') and wrote.startswith('{"')
    assert (settings.read_text() != text) == follows
    if follows:
        assert json.loads(settings.read_text())["max_context"] == plan.context
