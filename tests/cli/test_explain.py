"""`stackctl explain` on the command line."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stackctl.cli import main
from stackctl.issues import ISSUES
from tests.core.explain.rows import rows

FAILS = "koboldcpp-1  | llama_model_load: error loading model: unknown model architecture: 'x'\n"


def run(*words: str, said: str | None = None, folder: Path | None = None) -> Result:
    return CliRunner().invoke(main, [*(("-C", str(folder)) if folder else ()), "explain", *words], input=said)


def test_a_log_on_stdin_gets_its_cause_its_remedy_and_its_source() -> None:
    done = run("-", said=FAILS)
    assert done.exit_code == 0
    assert "does not know the model's architecture" in done.stdout
    assert "hint: Use a newer image" in done.stdout
    assert "more: `stackctl explain model-too-new`" in done.stdout
    assert "source: ggml-org/llama.cpp" in done.stdout


def test_without_a_name_what_is_piped_in_is_read() -> None:
    assert run(said=FAILS).stdout == run("-", said=FAILS).stdout


def test_an_issue_gets_its_page_and_a_file_of_that_name_goes_first(tmp_path: Path) -> None:
    assert ISSUES["disk-full"].title in run("disk-full", folder=tmp_path).stdout
    (tmp_path / "disk-full").write_text(FAILS, encoding="utf-8")
    assert "architecture" in run("disk-full", folder=tmp_path).stdout


def test_a_name_that_is_neither_gets_the_nearest_issue(tmp_path: Path) -> None:
    done = run("disk-ful", folder=tmp_path)
    assert (done.exit_code, "stackctl explain disk-full" in done.stderr) == (3, True)


@pytest.mark.parametrize("said", ["", "\n", "\0\0", "(((((", "\x1b]0;title", "{}", "a" * 100_000])
def test_any_input_ends_well(said: str) -> None:
    done = run("-", said=said)
    assert (done.exit_code, done.exception) == (0, None)
    assert "\x1b" not in done.stdout


def test_no_log_ends_in_another_code_than_0() -> None:
    assert {run("-", said=row.text).exit_code for row in [*rows("unseen.txt")][:12]} == {0}


def test_what_is_not_known_is_called_so_with_the_lines_that_look_like_errors() -> None:
    done = run("-", said="Welcome to KoboldCpp\nError: never seen before\n")
    assert "not known" in done.stdout
    assert "line 2: Error: never seen before" in done.stdout
