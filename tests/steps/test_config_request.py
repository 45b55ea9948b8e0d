"""stack.toml and the flags over it."""

from pathlib import Path

import pytest

from stackctl.commands.init import init
from stackctl.core.config import stack_toml
from stackctl.errors import ConfigError
from stackctl.steps.config_request import load_config, write_config
from tests.commands.machines import quiet


def test_in_an_empty_folder_the_flags_are_written_into_a_commented_file(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    wanted = load_config(here.machine, {"backend.context": 4096, "backend.kind": None})
    assert not (tmp_path / "stack.toml").exists()
    write_config(here.machine, wanted)
    text = (tmp_path / "stack.toml").read_text()
    assert stack_toml.parse(text).backend.context == 4096
    assert text.count("#") > 20
    assert "stack.toml" in here.said.getvalue()
    assert "/sillytavern/" in (tmp_path / ".gitignore").read_text()


def test_on_an_existing_file_only_the_changed_value_is_written_and_comments_stay(tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text("# mine\n[backend]\ncontext = 2048 # small\n")
    here = quiet(tmp_path)
    write_config(here.machine, load_config(here.machine, {"backend.context": 4096, "model.path": "auto"}))
    assert (tmp_path / "stack.toml").read_text() == "# mine\n[backend]\ncontext = 4096 # small\n"
    assert "change into stack.toml" in here.said.getvalue()


def test_a_flag_that_says_what_is_there_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text("[backend]\ncontext = 2048\n")
    assert load_config(quiet(tmp_path).machine, {"backend.context": 2048}).text is None


def test_a_wrong_flag_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(quiet(tmp_path).machine, {"backend.context": 3})
    assert "backend.context" in caught.value.message
    assert "Nothing was written" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_an_existing_gitignore_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    machine = quiet(tmp_path).machine
    write_config(machine, load_config(machine, {}))
    assert (tmp_path / ".gitignore").read_text() == "mine\n"


def test_init_never_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text("# mine\n")
    with pytest.raises(ConfigError, match="already exists"):
        init(quiet(tmp_path).machine, {})
    assert (tmp_path / "stack.toml").read_text() == "# mine\n"
