"""What open pages are told while their backend starts."""

import json
from pathlib import Path
from typing import Any

from stackctl.steps.page_state import PageState
from tests.commands.machines import quiet
from tests.core.samples import a_plan, seen, wanted

FILE = "sillytavern/extensions/stackctl/state.json"


class Told:
    """A stack's pages, and a clock that the test moves on."""

    def __init__(self, folder: Path) -> None:
        machine = quiet(folder).machine
        owner = machine.folder.owner
        plan = a_plan(wanted(sillytavern={"uid": owner.uid, "gid": owner.gid}), seen())
        self.now, self.file = 1000.0, folder / FILE
        self.page = PageState(plan, machine, lambda: self.now)

    @property
    def state(self) -> Any:
        return json.loads(self.file.read_text())


def test_a_page_is_told_its_connection_its_model_and_for_a_while_what_its_backend_is_at(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.page.say("loading the model 43 %")
    wired = {"type": "llamacpp", "url": "http://llamacpp:8080", "model": "tiny.gguf"}
    assert told.state == {**wired, "waits": "loading the model 43 %", "until": 1015.0}
    told.page.say("")
    assert told.state == wired


def test_however_many_lines_a_backend_writes_few_are_told_and_the_last_always(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.page.say("one")
    told.page.say("two")
    assert told.state["waits"] == "one"
    told.now += 2
    told.page.say("three")
    assert told.state["waits"] == "three"
    told.page.say("")
    assert "waits" not in told.state


def test_a_page_that_can_not_be_told_anything_hinders_no_start(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.file.parent.parent.mkdir(parents=True)
    told.file.parent.write_text("no folder")
    told.page.say("loading")
    assert told.file.parent.read_text() == "no folder"
