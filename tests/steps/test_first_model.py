"""Which model a first deploy runs where nobody names one."""

import json
from pathlib import Path

import pytest

from stackctl.commands.deploy import Options, deploy
from stackctl.commands.import_kcpps import import_kcpps
from stackctl.commands.propose import proposal
from stackctl.commands.render import render
from stackctl.core.config import stack_toml
from stackctl.core.model.demo_model import FILE_NAME, gguf_bytes
from stackctl.core.observed import Ram
from stackctl.errors import ConfigError, DoesNotFit
from stackctl.steps.config_request import load_config
from stackctl.steps.first_model import has_stack, is_open, request_to_deploy
from tests.commands.engines import staged
from tests.commands.machines import quiet
from tests.core.samples import wanted

QUICK = Options(prove=False, timeout_s=20)
ONE = '[models.a]\npath = "a.gguf"\ncontext = 2048\n'
TWO = ONE + '[models.b]\npath = "b.gguf"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "ab":
        (tmp_path / f"{name}.gguf").write_bytes(gguf_bytes())
    return tmp_path


def settings(folder: Path, text: str) -> Path:
    file = folder / "stack.toml"
    file.write_text(text)
    return file


def in_use(folder: Path) -> str:
    return stack_toml.parse((folder / "stack.toml").read_text()).model.use


def test_the_only_one_of_stack_toml_runs_and_is_written_down(folder: Path) -> None:
    settings(folder, f"# mine\n{ONE}")
    here = staged(folder)
    assert deploy(here.machine, {}, QUICK).plan.context == 2048
    assert here.stage.models == ["a.gguf"]
    assert (folder / "stack.toml").read_text().startswith("# mine\n")
    assert in_use(folder) == "a"


def test_a_setting_on_the_command_line_is_that_models_own(folder: Path) -> None:
    settings(folder, ONE)
    deploy(staged(folder).machine, {"backend.context": 4096}, QUICK)
    assert stack_toml.parse((folder / "stack.toml").read_text()).models["a"].context == 4096


def test_of_several_none_is_chosen_for_the_user(folder: Path) -> None:
    file = settings(folder, TWO)
    here = staged(folder)
    with pytest.raises(ConfigError, match="2 models") as caught:
        deploy(here.machine, {}, QUICK)
    assert (caught.value.exit_code, "Run `stackctl use a` or `stackctl use b`." in caught.value.hint) == (3, True)
    assert (file.read_text(), here.stage.models) == (TWO, [])


def test_a_dry_run_shows_the_only_one_and_writes_nothing(folder: Path) -> None:
    file = settings(folder, ONE)
    assert "a.gguf" in deploy(staged(folder).machine, {}, Options(dry_run=True)).text
    assert file.read_text() == ONE


@pytest.mark.parametrize("text", [None, "# mine\n", '[sillytavern]\nport = 8010\n[model]\npath = "auto"\n'])
def test_without_any_the_ways_on_are_named_and_nothing_is_written(folder: Path, text: str | None) -> None:
    if text is not None:
        settings(folder, text)
    here = staged(folder)
    with pytest.raises(ConfigError) as caught:
        deploy(here.machine, {}, QUICK)
    assert caught.value.exit_code == 3
    assert all(way in caught.value.hint for way in ("--model demo", "--model FILE", "--yes"))
    assert here.stage.models == []
    assert (folder / "stack.toml").exists() == (text is not None)
    assert not (folder / "compose.yml").exists()


@pytest.mark.parametrize("text", ["", ONE, TWO], ids=["none", "one", "two"])
def test_a_demo_stack_that_was_deployed_goes_on_as_it_is(folder: Path, text: str) -> None:
    here = staged(folder)
    deploy(here.machine, {"model.path": "demo"}, QUICK)
    file = settings(folder, text)  # as versions were content with
    again = deploy(here.machine, {}, QUICK)
    assert again.plan.is_demo
    assert file.read_text() == text
    here.stage.containers_.clear()
    assert deploy(here.machine, {}, QUICK).plan.is_demo


def test_but_one_of_another_model_does_not_become_the_demo_model(folder: Path) -> None:
    here = staged(folder)
    deploy(here.machine, {"model.path": "b.gguf"}, QUICK)
    settings(folder, "")
    with pytest.raises(ConfigError, match="no model is named"):
        deploy(here.machine, {}, QUICK)
    settings(folder, ONE)
    assert deploy(here.machine, {}, QUICK).plan.model_name == "a.gguf"


def test_what_was_only_rendered_or_adopted_was_not_deployed(folder: Path) -> None:
    here = staged(folder)
    render(here.machine, {}, to_stdout=False, absolute=False, replan=False)
    assert FILE_NAME in (folder / "compose.yml").read_text()
    adopted = {"made_from": {}, "overlay": {"main_api": "novel"}, "former": None}
    (folder / ".stackctl/sillytavern.json").write_text(json.dumps(adopted))
    with pytest.raises(ConfigError, match="no model is named"):
        deploy(here.machine, {}, QUICK)


@pytest.mark.parametrize(
    "flags",
    [
        {"model.path": "demo"},
        {"model.path": "a.gguf"},
        {"model.path": "auto", "model.source": "hf:a/b:Q4_K_M"},
        {"model.use": "b"},
        {"backend.kind": "external", "backend.url": "http://127.0.0.1:5001"},
    ],
)
def test_a_model_or_a_server_on_the_command_line_is_named(folder: Path, flags: dict[str, object]) -> None:
    settings(folder, TWO)
    machine = quiet(folder).machine
    assert is_open(machine, load_config(machine, {}))
    assert not is_open(machine, load_config(machine, flags))
    assert request_to_deploy(machine, flags) == load_config(machine, flags)


def test_a_model_that_was_imported_into_an_empty_folder_is_the_one_that_a_deploy_runs(folder: Path) -> None:
    stack = folder / "chat"
    stack.mkdir()
    saved = folder / "mine.kcpps"
    saved.write_text(json.dumps({"model_param": str(folder / "a.gguf"), "contextsize": 4096}))
    here = staged(stack)
    name = import_kcpps(here.machine, saved, name=None, model=None).name
    done = deploy(here.machine, {}, QUICK)
    assert (done.plan.model_name, done.plan.context, in_use(stack)) == ("a.gguf", 4096, name)


def test_a_render_is_of_what_a_deploy_would_run(folder: Path) -> None:
    settings(folder, ONE)
    machine = quiet(folder).machine
    assert "a.gguf" in render(machine, {}, to_stdout=True, absolute=False, replan=False).text
    settings(folder, TWO)
    with pytest.raises(ConfigError, match="2 models"):
        render(machine, {}, to_stdout=True, absolute=False, replan=False)


def test_where_no_model_fits_the_ways_on_are_named(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.host.memory, machine = Ram(total_mib=1024, free_mib=300), here.machine
    with pytest.raises(DoesNotFit, match="no model fits") as caught:
        proposal(machine, wanted(), language="en")
    assert "--model demo" in caught.value.hint


def test_a_proposal_keeps_to_what_is_wanted_already(tmp_path: Path) -> None:
    found = proposal(quiet(tmp_path).machine, wanted(backend={"context": 2048}), language="en")
    assert found.best.context == 2048


@pytest.mark.parametrize(
    ("file", "text", "has"),
    [
        ("stack.toml", "# mine\n", False),
        ("stack.toml", "[sillytavern]\nport = 8001\n", False),
        ("stack.toml", '[model]\npath = "a.gguf"\n', True),
        ("stack.toml", ONE, True),
        ("stack.toml", TWO, True),
        ("stack.toml", '[backend]\nkind = "external"\nurl = "http://127.0.0.1:5001"\n', True),
        ("stack.toml", "not toml", True),
        ("compose.yml", "services: {}\n", True),
        ("notes.txt", "mine", False),
    ],
)
def test_a_folder_has_a_stack_if_another_model_would_change_something_there(
    tmp_path: Path, file: str, text: str, has: bool
) -> None:
    (tmp_path / file).write_text(text)
    assert has_stack(quiet(tmp_path).machine) is has
