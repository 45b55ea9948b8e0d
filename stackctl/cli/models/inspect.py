"""`stackctl models inspect`."""

import click

from stackctl.cli import options as option
from stackctl.cli.models.group import models
from stackctl.cli.root import machine_of


@models.command()
@click.argument("model", metavar="MODEL")
@click.option("--force", is_flag=True, help="Even a pickle, which is not opened all the same.")
@option.json
@click.pass_context
def inspect(ctx: click.Context, model: str, force: bool, as_json: bool) -> None:
    """Say what MODEL is: a file, a folder, hf:OWNER/NAME:Q4_K_M or an address; and which backends can load it."""
    from stackctl.commands.models.inspect import inspect as run
    from stackctl.report.inspect import inspected

    machine = machine_of(ctx, as_json=as_json)
    machine.ui.result(*inspected(run(machine, model, force=force), machine.ui))
