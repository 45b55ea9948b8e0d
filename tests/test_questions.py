"""What `stackctl deploy` asks, answered on a terminal, by a script, or by nobody. There is no engine to go on with."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import gguf_bytes
from tests.hub.server import running

WITHOUT_ENGINE = 4
TWO = '[models.a]\npath = "a.gguf"\n[models.b]\npath = "b.gguf"\n'


def deploy(folder: Path, *words: str, typed: str | None = None, piped: str = "", hub: str = "") -> tuple[int, str]:
    """The exit code and what was said. `typed`: on a terminal; else `piped` is all of its input."""
    argv = [sys.executable, "-m", "stackctl", "deploy", *words]
    around = {"DOCKER_HOST": f"unix://{folder}/no-engine.sock", "HF_ENDPOINT": hub or "http://127.0.0.1:1"}
    env = {**os.environ, **around, "LC_ALL": "C.UTF-8"}
    ours = theirs = subprocess.PIPE
    if typed is not None:
        ours, theirs = pty.openpty()
        os.write(ours, typed.encode())
    with subprocess.Popen(
        argv, cwd=folder, env=env, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        said, _ = process.communicate(piped if typed is None else None, timeout=60)
    if typed is not None:
        os.close(ours)
        os.close(theirs)
    assert "Traceback" not in said
    return process.returncode, said


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".stackctl")


@pytest.mark.parametrize("answer", [{"typed": "n\n"}, {"piped": "n\n"}, {"piped": "no, thanks\n"}])
def test_a_no_changes_nothing_and_is_no_failure(tmp_path: Path, answer: dict[str, str]) -> None:
    code, said = deploy(tmp_path, **answer)
    assert (code, list(tmp_path.iterdir())) == (0, [])
    assert "Fetch it and start?" in said or "piped" in answer
    assert "nothing was changed" in said
    assert "stackctl deploy --model MODEL" in said


@pytest.mark.parametrize("answer", [{"typed": "\n"}, {"typed": "y\n"}, {"piped": "\n"}])
def test_a_yes_asks_the_hub_for_that_model(tmp_path: Path, answer: dict[str, str]) -> None:
    with running() as hub:
        code, said = deploy(tmp_path, hub=hub.url, **answer)
    assert (code, "stackctl proposes" in said) == (8, True), said  # this one has no models
    assert hub.asked


@pytest.mark.parametrize("stack_toml", [None, "# mine\n"])
def test_where_nobody_answers_the_ways_on_are_named(tmp_path: Path, stack_toml: str | None) -> None:
    if stack_toml is not None:
        (tmp_path / "stack.toml").write_text(stack_toml)
    code, said = deploy(tmp_path)
    assert (code, left(tmp_path)) == (3, ["stack.toml"] if stack_toml else [])
    assert "this machine stackctl proposes" in said
    assert "no model is named" in said
    assert all(way in said for way in ("--model demo", "--model FILE", "--yes"))


@pytest.fixture
def two(tmp_path: Path) -> Path:
    for name in "ab":
        (tmp_path / f"{name}.gguf").write_bytes(gguf_bytes())
    (tmp_path / "stack.toml").write_text(TWO)
    return tmp_path


@pytest.mark.parametrize("answer", [{"typed": "b\n"}, {"typed": "c\na\n"}, {"piped": "b\n"}])
def test_of_several_models_one_is_asked_for(two: Path, answer: dict[str, str]) -> None:
    code, said = deploy(two, **answer)
    assert code == WITHOUT_ENGINE, said
    assert "Which one runs? (a, b)" in said or "piped" in answer


@pytest.mark.parametrize("words", [(), ("--yes",)])
def test_where_nobody_answers_the_command_that_chooses_is_named(two: Path, words: tuple[str, ...]) -> None:
    code, said = deploy(two, *words)
    assert (code, (two / "stack.toml").read_text()) == (3, TWO)
    assert "stackctl use a | b" in said


def test_an_answer_that_is_none_of_them_is_refused(two: Path) -> None:
    code, said = deploy(two, piped="c\n")
    assert (code, "no model 'c'" in said) == (3, True)


def test_the_only_one_is_not_asked_for(two: Path) -> None:
    (two / "stack.toml").write_text('[models.a]\npath = "a.gguf"\n')
    assert deploy(two)[0] == WITHOUT_ENGINE
