"""-C, -v, --json and --yes mean the same before and after a command; where one means nothing, that is said."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from stackctl.cli import main
from stackctl.cli.command_line import typed_command
from stackctl.cli.session import session_of
from tests.cli.tree import parse, tree

TREE = tree()
PATHS = [path for path, context in TREE.items() if not isinstance(context.command, click.Group)]
ARGUMENTS = {
    "stackctl import": ["a.kcpps"],
    "stackctl completion": ["bash"],
    "stackctl models inspect": ["a.gguf"],
    "stackctl models can-load": ["a.gguf"],
    "stackctl models fit": ["a.gguf"],
    "stackctl models pull": ["hf:a/b:Q4_K_M"],
    "stackctl models remove": ["a.gguf"],
}


def places(path: str, option: str) -> list[str]:
    """Every command line of a command with this option, at each place that it may have."""
    words = path.split()
    lines = [[*words[:at], option, *words[at:]] for at in range(1, len(words) + 1)]
    return [" ".join((*line, *ARGUMENTS.get(path, []))) for line in lines]


@pytest.mark.parametrize("path", PATHS)
def test_the_folder_is_named_anywhere(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    for option in ("-C x", "--folder=x")[: 1 if path.endswith("recommend") else 2]:
        for line in places(path, option):
            assert session_of(parse(line)).stack_folder == Path("x"), line


@pytest.mark.parametrize("path", PATHS)
def test_verbose_is_said_anywhere(path: str) -> None:
    for line in places(path, "-v"):
        assert session_of(parse(line)).verbose, line


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("option", "name", "lacks"),
    [("--json", "as_json", "prints no JSON"), ("--yes", "yes", "asks nothing"), ("-y", "yes", "asks nothing")],
)
def test_json_and_yes_are_said_anywhere_and_refused_where_they_mean_nothing(
    path: str, option: str, name: str, lacks: str
) -> None:
    has_it = name in {param.name for param in TREE[path].command.params}
    for line in places(path, option):
        if has_it:
            assert parse(line).params[name] is True, line
        else:
            with pytest.raises(click.UsageError) as caught:
                parse(line)
            assert caught.value.message.startswith(f"`{path}` {lacks}: leave out -"), line


def test_the_last_folder_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        (tmp_path / name).mkdir()
    assert session_of(parse("stackctl -C a status -C b")).stack_folder == Path("b")
    assert session_of(parse("stackctl -C a status")).stack_folder == Path("a")
    assert session_of(parse("stackctl status")).stack_folder == Path()


def test_a_command_that_is_said_again_has_the_options_that_stood_before_and_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    context = parse("stackctl -v deploy --dry-run -C x")
    said = typed_command(context, without={"dry_run"}, also={"yes"})
    assert said == "stackctl --verbose deploy --yes --folder x"
    assert session_of(parse(said)).stack_folder == Path("x")


@pytest.mark.parametrize("gpus", ["count:2", "0,1"])
def test_gpus_are_said_again_as_they_were_typed(gpus: str) -> None:
    context = parse(f"stackctl deploy --dry-run --gpus {gpus}")
    assert typed_command(context, without={"dry_run"}) == f"stackctl deploy --gpus {gpus}"


def test_recommend_keeps_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        (tmp_path / name).mkdir()
    context = parse("stackctl models recommend -C a --folder b")
    assert (session_of(context).stack_folder, context.params["folder"]) == (Path("a"), Path("b"))


@pytest.mark.parametrize("words", [("history", "--json", "-C", "x"), ("--json", "-C", "x", "history")])
def test_both_orders_do_the_same(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    done = CliRunner().invoke(main, [*words])
    assert (done.exit_code, json.loads(done.stdout)["deploys"]) == (0, [])


def test_a_folder_that_is_not_there_is_refused_anywhere() -> None:
    for words in (["-C", "/not/there", "status"], ["status", "-C", "/not/there"]):
        done = CliRunner().invoke(main, words)
        assert (done.exit_code, "'/not/there' does not exist" in done.stderr) == (2, True)
