"""The Tab key offers what a command takes: from files alone, quickly, and nothing at all rather than an error."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from stackctl.cli import main
from stackctl.cli.models import models
from stackctl.core.hub.source import RepoFile
from stackctl.core.hub.store import FOLDER, StoredModel
from stackctl.effects.storage.model_library import Library

STACK = '[models.small]\npath = "a.gguf"\n[models.big]\npath = "b.gguf"\n'
PLAN = {"version": 1, "plan": {"services": [{"name": "llamacpp"}, {"name": "sillytavern"}]}}
KEPT = StoredModel(
    place=PurePosixPath("owner/a.gguf"),
    source="hf:owner/name/a.gguf",
    commit="",
    licence="",
    pulled="2026-11-29",
    is_folder=False,
    files=(RepoFile(name="a.gguf", size=3, sha256="0" * 64),),
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder beside which are two others, with a stack in it; the shell stands above."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("stack", "other", "plain"):
        (tmp_path / name / "sub").mkdir(parents=True)
    (tmp_path / "stack" / "stack.toml").write_text(STACK)
    (tmp_path / "stack" / ".stackctl").mkdir()
    (tmp_path / "stack" / ".stackctl" / "plan.json").write_text(json.dumps(PLAN))
    (tmp_path / "other" / "stack.toml").write_text("")
    return tmp_path


def offered(*words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is offered for the last word, as click's script for bash asks for it."""
    monkeypatch.setenv("_STACKCTL_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(("stackctl", *words)))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    with pytest.raises(SystemExit):
        main(complete_var="_STACKCTL_COMPLETE")
    said = capsys.readouterr()
    assert said.err == ""
    return said.out.split()


CASES = {
    "-C stack use ": ["plain,small", "plain,big"],
    "use -C stack b": ["plain,big"],
    "-C stack logs ": ["plain,llamacpp", "plain,sillytavern"],
    "-C stack stop s": ["plain,sillytavern"],
    "-C stack restart ": ["plain,llamacpp", "plain,sillytavern"],
    "-C stack start l": ["plain,llamacpp"],
    "-C ": ["plain,other", "plain,stack"],
    "status -C st": ["plain,stack"],
    "-C ./o": ["plain,./other"],
    "-C pl": ["dir,pl"],
    "deploy --expose ": ["plain,none", "plain,lan"],
    "deploy --backend ko": ["plain,koboldcpp"],
    "up --gpu n": ["plain,nvidia", "plain,none"],
    "deploy --context ": ["plain,auto"],
    "deploy --images o": ["plain,official", "plain,own"],
    "deploy --model d": ["plain,demo"],
    "deploy --model ": ["file,"],
    "models fit a.gguf --gpu-layers a": ["plain,all", "plain,auto"],
    "logs --tail ": ["plain,all"],
    "explain engine-not-r": ["plain,engine-not-running"],
    "explain kob": ["file,kob"],
    "smoke --only re": ["plain,reply", "plain,restart"],
    "images build b": ["plain,base"],
    "completion ": ["plain,bash", "plain,zsh", "plain,fish"],
    "help models rec": ["plain,recommend"],
    "help st": ["plain,status", "plain,stop", "plain,start"],
    "dep": ["plain,deploy"],
    "down --": [f"plain,--{one}" for one in ("volumes", "yes", "json", "folder", "verbose", "progress", "help")],
}


@pytest.mark.parametrize("line", CASES)
def test_what_a_command_takes_is_offered(
    line: str, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here.is_dir()
    assert offered(*line.split(" "), capsys=capsys, monkeypatch=monkeypatch) == CASES[line]


@pytest.mark.parametrize("verb", ["remove", "verify"])
def test_models_that_were_pulled_are_offered_but_for_those_that_are_named_already(
    verb: str, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(here / "data" / "stackctl" / FOLDER)
    for name in ("a.gguf", "b.gguf"):
        file = replace(KEPT.files[0], name=name)
        library.note(replace(KEPT, place=PurePosixPath(f"owner/{name}"), files=(file,)))
    again = ["plain,owner/b.gguf"] if verb == "verify" else []
    assert offered("models", verb, "o", capsys=capsys, monkeypatch=monkeypatch) == [
        "plain,owner/a.gguf",
        "plain,owner/b.gguf",
    ]
    assert offered("models", verb, "owner/a.gguf", "", capsys=capsys, monkeypatch=monkeypatch) == again


HOSTILE = ("", "[models", "models = 1", "[models]\nx = 1", '[models."a b\\u001b[2J"]\npath = ""', "\x00", "[[models]]")


@pytest.mark.parametrize(
    "line", ["use ", "logs ", "models remove ", "models verify ", "-C ", "-C /not/there use ", "nonsense "]
)
def test_outside_of_a_stack_nothing_is_said(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    found = offered(*line.split(" "), capsys=capsys, monkeypatch=monkeypatch)
    assert found == {"-C ": ["dir,"]}.get(line, found if line == "nonsense " else [])


@pytest.mark.parametrize("text", HOSTILE)
def test_files_that_say_nothing_that_can_be_used_offer_nothing(
    text: str, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "stack" / "stack.toml").write_text(text)
    assert set(offered("-C", "stack", "use", "", capsys=capsys, monkeypatch=monkeypatch)) <= {"plain,x"}
    for plan in (text, "[]", "{}", '{"plan": 1}', '{"plan": {"services": [1, {}, {"name": 2}]}}', "[" * 100_000):
        (here / "stack" / ".stackctl" / "plan.json").write_text(plan)
        assert offered("-C", "stack", "logs", "", capsys=capsys, monkeypatch=monkeypatch) == []


def test_what_can_not_be_read_offers_nothing(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = here / "stack" / "stack.toml"
    file.unlink()
    os.mkfifo(file)
    assert offered("-C", "stack", "use", "", capsys=capsys, monkeypatch=monkeypatch) == []


def test_the_installed_command_answers_the_shell_and_loads_nothing_slow(here: Path) -> None:
    slow = "{'docker', 'httpx', 'rich', 'pynvml', 'huggingface_hub', 'pydantic', 'stackctl.machine'}"
    script = f"import atexit, sys; atexit.register(lambda: print(*sorted({slow} & sys.modules.keys())))\n"
    script += "from stackctl.__main__ import main; main()"
    words = {"_STACKCTL_COMPLETE": "bash_complete", "COMP_WORDS": "stackctl use ", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=here / "stack",
        env={**os.environ, **words, "PYTHONPATH": ":".join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("plain,small\nplain,big\n\n", "")


def test_every_argument_of_a_closed_set_is_completed() -> None:
    for group in (main, models):
        for name, command in group.commands.items():
            for param in command.params:
                if param.human_readable_name.lower() in {"service", "name"} and not param.opts[0].startswith("-"):
                    assert param._custom_shell_complete, name
