"""The help of every command: a summary that is whole, an example that parses, and no line wider than the terminal."""

import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from stackctl.cli import main
from tests.cli.tree import parse, tree

TREE = tree()


def shown(*words: str, columns: int = 80) -> str:
    done = CliRunner().invoke(main, [*words, "--help"], env={"COLUMNS": str(columns)})
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("path", [path for path in TREE if path != "stackctl"])
def test_a_summary_is_a_whole_sentence_of_at_most_60_characters(path: str) -> None:
    above, _, name = path.rpartition(" ")
    lines = [
        line.split(maxsplit=1) for line in shown(*above.split()[1:], columns=100).partition("Commands:")[2].splitlines()
    ]
    (summary,) = [words[1] for words in lines if words[:1] == [name] and len(words) > 1]
    assert summary.endswith(".")
    assert not summary.endswith("..")
    assert len(summary) <= 60
    assert (TREE[path].command.help or "").startswith(summary)


@pytest.mark.parametrize("path", TREE)
def test_a_help_ends_with_an_example_as_it_is_typed(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "~"))
    title, *lines = shown(*path.split()[1:], columns=40).rpartition("\nExample")[2].splitlines()
    assert title in {":", "s:"}
    assert lines
    for line in lines:
        for word in shlex.split(line, comments=True):
            if word.startswith("~"):
                (tmp_path / word).mkdir(parents=True, exist_ok=True)
        for one in (line.partition("$(")[2].partition(")")[0] or line).split(" > ")[:1]:
            command = next(part.strip() for part in one.split(" | ") if part.strip().startswith("stackctl "))
            context = parse(command)
            assert path in {"stackctl", context.command_path} or context.command_path.startswith(f"{path} ")


@pytest.mark.parametrize("path", TREE)
@pytest.mark.parametrize("columns", [40, 60, 80])
def test_no_line_of_a_help_is_wider_than_the_terminal_but_for_an_example(path: str, columns: int) -> None:
    text = shown(*path.split()[1:], columns=columns).rpartition("\nExample")[0]
    wide = [line for line in text.splitlines() if len(line) > columns]
    assert wide == []
    assert text.isascii()


@pytest.mark.parametrize("path", TREE)
def test_an_example_fits_60_columns(path: str) -> None:
    assert max(map(len, shown(*path.split()[1:]).rpartition("\nExample")[2].splitlines())) <= 60


def test_a_line_of_a_help_ends_between_words() -> None:
    text = shown("deploy", columns=44)
    assert "text-generation-webui" in text
    assert "--gpu-layers" in text
    assert not [line for line in text.splitlines() if line.endswith("-")]


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("help",), "stackctl"),
        (("help", "deploy"), "stackctl deploy"),
        (("help", "up"), "stackctl deploy"),
        (("help", "models"), "stackctl models"),
        (("help", "models", "pull"), "stackctl models pull"),
        (("models", "help"), "stackctl models"),
        (("models", "help", "rm"), "stackctl models remove"),
        (("help", "help"), "stackctl help"),
    ],
)
def test_help_prints_the_help_of_a_command(words: tuple[str, ...], path: str) -> None:
    done = CliRunner().invoke(main, [*words])
    assert (done.exit_code, done.output) == (0, shown(*path.split()[1:]))


def test_help_of_what_is_no_command_names_the_nearest() -> None:
    done = CliRunner().invoke(main, ["help", "models", "pul"])
    assert (done.exit_code, "`stackctl models pull`" in done.output) == (2, True)
    done = CliRunner().invoke(main, ["help", "deploy", "now"])
    assert (done.exit_code, "leave out 'now'" in done.output) == (2, True)


def test_every_option_that_takes_a_value_of_several_names_them() -> None:
    for path, context in TREE.items():
        text = " ".join(shown(*path.split()[1:], columns=100).split())
        for param in context.command.params:
            if isinstance(param, click.Option) and isinstance(param.type, click.Choice):
                assert all(str(choice) in text for choice in param.type.choices), f"{path} {param.name}"
