"""What --json prints is what the schemas say: in every scene one object, and nothing else on stdout."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from click.testing import CliRunner, Result

from stackctl import __version__
from stackctl.cli import main
from stackctl.issues import ISSUES
from stackctl.machine import Machine
from stackctl.report.contract import EVENTS, FAILED, OUTPUTS
from stackctl.ui import Ui
from tests.commands.json_scenes import SCENES, Place, Scene, placed
from tests.docs import generate
from tests.docs.json_schemas import schema

GOLDEN = Path(__file__).parents[1] / "golden" / "json"
# what differs from run to run, by its key, and what stands there in an example
TIMES = {
    "ready_s": 3.04,
    "duration_s": 0.02,
    "deployed_at": "2026-11-25T10:00:00Z",
    "modified_at": "2026-11-01T09:30:00Z",
    "pulled_on": "2026-11-25",
    "former_date": "2026-11-25",
    "inputs_hash": "5d3c1f0a9b7e2468",
}
# scenes that fail and whose result says itself what is wrong
NAME_NONE = {"models-can-load-not", "models-verify-damaged", "setup", "setup-yes"}
LONG = {"compose", "diff"}  # cut to their beginning in an example


def run(place: Place, *words: str) -> Result:
    """Run a command line on the machine of a place."""

    def machine(_: Path, ui: Ui) -> Machine:
        return replace(place.machine, ui=ui)

    return CliRunner().invoke(main, ["-C", str(place.folder), *words], obj=machine, catch_exceptions=False)


def validate(found: object, *kinds: type) -> None:
    jsonschema.validate(found, schema("test", kinds), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_command_prints_one_object_that_its_schema_takes(
    scene: Scene, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with placed(scene, tmp_path) as place:
        done = run(place, *scene.words.format(around=place.around).split(), "--json")
        assert done.exit_code == scene.code, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        if "error" in found:
            validate(found, FAILED)
            assert found["error"]["exit_code"] == scene.code
            assert scene.code == 2 or f"more: `stackctl explain {found['error']['issue']}`" in done.stderr
        else:
            validate(found, *OUTPUTS[scene.command])
        named = [*issues(found)]
        assert set(named) <= ISSUES.keys()
        assert named or scene.code in {0, 2} or scene.name in NAME_NONE
        if scene.name == scene.command.replace(" ", "-"):
            golden = GOLDEN / f"{scene.name}.json"
            example = json.dumps(plain(found, place), indent=2, ensure_ascii=False) + "\n"
            if request.config.getoption("--update-goldens"):
                golden.write_text(example, encoding="utf-8")
            assert example == golden.read_text(encoding="utf-8"), "look at the difference, then: --update-goldens"


def issues(found: object) -> Iterator[str]:
    """Every issue that a result names; what failed names one."""
    if isinstance(found, dict):
        if "issue" in found:
            is_fault = found.get("hint") and found.get("problem", found.get("message"))
            assert found["issue"] or not is_fault or found.get("kind") == "usage"
            yield from filter(None, [found["issue"]])
        for one in found.values():
            yield from issues(one)
    if isinstance(found, list):
        for one in found:
            yield from issues(one)


def plain(value: Any, place: Place, key: str = "") -> Any:
    """A result as it stands on the page: with paths, times and hashes that do not depend on the run."""
    if isinstance(value, dict):
        return {name: plain(one, place, name) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one, place, key) for one in value][:2]
    if value is None or isinstance(value, bool):
        return value
    if key in TIMES:
        return TIMES[key]
    if not isinstance(value, str):
        return value
    for path, shown in ((place.around, "/home/me"), (place.folder, "/srv/chat")):
        value = value.replace(str(path), shown)
    value = re.sub(r"\b[0-9a-f]{64}\b", lambda found: f"{found[0][:4]}...", value.replace(__version__, "0.1.0"))
    return f"{value[:40]}..." if key in LONG and len(value) > 40 else value


def commands_with_json(group: click.Group = main, above: str = "") -> set[str]:
    found = set()
    for name, command in group.commands.items():
        path = f"{above} {name}".strip()
        if isinstance(command, click.Group):
            found |= commands_with_json(command, path)
        elif any(param.name == "as_json" for param in command.params):
            found.add(path)
    return found


def test_every_command_that_has_json_has_a_schema_and_an_example_and_no_other() -> None:
    assert commands_with_json() == OUTPUTS.keys() == {scene.command for scene in SCENES if scene.code == 0}
    assert {path.stem for path in GOLDEN.glob("*.json")} == {name.replace(" ", "-") for name in OUTPUTS}


def test_every_command_is_seen_in_a_scene_that_fails_or_can_not() -> None:
    tried = {scene.command for scene in SCENES if scene.code}
    assert {"deploy", "use", "status", "start", "smoke", "adopt", "import", "init", "models inspect"} <= tried


@pytest.mark.parametrize("words", ["status --json --wrong", "--json wrong", "--json --wrong status", "logs --json"])
def test_a_wrong_command_line_is_an_object_too(words: str, tmp_path: Path) -> None:
    done = run(Place(tmp_path / "chat", tmp_path / "around"), *words.split())
    assert done.exit_code == 2
    found = json.loads(done.stdout)
    validate(found, FAILED)
    assert (found["error"]["kind"], found["error"]["exit_code"]) == ("usage", 2)
    assert found["error"]["message"] in done.stderr


def test_a_stack_that_went_back_says_so_in_its_error(tmp_path: Path) -> None:
    place = Place(tmp_path / "chat", tmp_path / "around").deployed()
    ill = replace(place.stage.states_["llamacpp"], state="exited", health="", exit_code=1)
    place.stage.ends = {"llamacpp": ill}
    done = run(place, "deploy", "--context", "4096", "--no-proof", "--timeout", "5", "--json")
    found = json.loads(done.stdout)
    validate(found, FAILED)
    assert found["error"]["rolled_back"] is not None
    assert done.exit_code == found["error"]["exit_code"] != 0
    assert found["error"]["issue"] == "rollback-failed"


def test_with_progress_as_json_each_line_of_stderr_is_an_event_also_where_it_fails(tmp_path: Path) -> None:
    place = Place(tmp_path / "chat", tmp_path / "around").deployed()
    events: list[dict[str, Any]] = []
    for words in (("deploy", "--no-proof", "--timeout", "20"), ("use", "none")):
        done = run(place, *words, "--progress", "json", "--json")
        events = [json.loads(line) for line in done.stderr.splitlines()]
        assert events
        for event in events:
            validate(event, *EVENTS)
        json.loads(done.stdout)
    assert (events[-1]["event"], events[-1]["issue"]) == ("error", "settings-wrong")


def test_progress_none_before_the_command_leaves_the_result_alone(tmp_path: Path) -> None:
    place = Place(tmp_path / "chat", tmp_path / "around").deployed()
    done = run(place, "--progress", "none", "restart", "--timeout", "20", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout)["name"] == "chat"


def test_the_schemas_are_schemas() -> None:
    for name, text in generate.pages().items():
        if name.startswith("schemas/"):
            jsonschema.Draft202012Validator.check_schema(json.loads(text))
