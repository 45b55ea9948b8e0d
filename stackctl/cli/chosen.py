"""Commands for the models of a stack: choose one, import one."""

import os
from pathlib import Path

import click

from stackctl.cli import candidates
from stackctl.cli import options as option
from stackctl.cli.root import machine_of, main


@main.command(examples=("stackctl use", "stackctl use small"))
@click.argument("name", required=False, shell_complete=candidates.models)
@option.timeout
@option.no_proof
@option.no_rollback
@option.json
@click.pass_context
def use(
    ctx: click.Context, *, name: str | None, timeout_s: int | None, no_proof: bool, no_rollback: bool, as_json: bool
) -> None:
    """Switch to another model of stack.toml, or list them.

    Only the backend is recreated: SillyTavern runs on. Without NAME the models are listed.
    """
    from stackctl import report
    from stackctl.commands import use as command
    from stackctl.commands.deploy import Options

    machine = machine_of(ctx, as_json=as_json)
    if name is None:
        machine.ui.result(*report.models(command.models_here(machine), machine.ui))
        return
    options = Options(timeout_s=timeout_s, prove=not no_proof, rollback=not no_rollback)
    done = command.use(machine, name, options)
    machine.ui.result(*report.deployed(done, os.environ.get("SSH_CONNECTION", "")))


@main.command("import", examples=("stackctl import settings.kcpps", "stackctl import settings.kcpps --name small"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.kcpps")
@click.option("--name", metavar="NAME", help="The model's name in stack.toml [default: by its file's name].")
@click.option("--model", metavar="PATH", help="The model's file, if it is not where the settings say.")
@option.json
@click.pass_context
def import_(ctx: click.Context, file: Path, name: str | None, model: str | None, as_json: bool) -> None:
    """Add the model of a KoboldCpp settings file to stack.toml.

    `stackctl use NAME` then runs it.
    """
    from stackctl import report
    from stackctl.commands.import_kcpps import import_kcpps

    machine = machine_of(ctx, as_json=as_json)
    machine.ui.result(*report.imported(import_kcpps(machine, file, name=name, model=model)))
