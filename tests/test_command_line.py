"""The command line, said again to whoever typed it."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from stackctl.cli.command_line import typed_command


@click.group()
@click.option("-C", "--folder", default="here")
@click.option("-v", "--verbose", is_flag=True)
def program(folder: str, verbose: bool) -> None:
    del folder, verbose


@program.command()
@click.argument("service", required=False)
@click.option("--model")
@click.option("--timeout", "timeout_s", type=int, default=5)
@click.option("--yes", is_flag=True)
@click.option("--dry-run", is_flag=True)
@click.pass_context
def deploy(ctx: click.Context, /, dry_run: bool, yes: bool, **others: object) -> None:
    del others
    click.echo(typed_command(ctx, without={"dry_run"}, also={"yes"} if dry_run and not yes else ()))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["deploy"], "stackctl deploy"),
        (["deploy", "--model", "a b.gguf", "llamacpp"], "stackctl deploy llamacpp --model 'a b.gguf'"),
        (["-v", "-C", "/", "deploy", "--yes", "--dry-run"], "stackctl --folder / --verbose deploy --yes"),
        (["deploy", "--timeout", "30"], "stackctl deploy --timeout 30"),
        (["deploy", "--dry-run"], "stackctl deploy --yes"),
    ],
)
def test_a_command_is_said_again_with_what_was_typed_and_nothing_of_the_defaults(words: list[str], said: str) -> None:
    assert CliRunner().invoke(program, words).output == f"{said}\n"


def test_to_show_the_file_is_refused_for_a_deploy_that_is_done(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stackctl", "deploy", "--show", "--model", "demo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "--show needs --dry-run." in done.stderr, list(tmp_path.iterdir())) == (2, True, [])
