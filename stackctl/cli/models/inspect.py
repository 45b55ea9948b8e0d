"""`stackctl models inspect`."""

import click

from stackctl.cli import options as option
from stackctl.cli.models.group import models
from stackctl.cli.root import machine_of


@models.command(examples=("stackctl models inspect model.gguf", "stackctl models inspect hf:OWNER/NAME:Q4_K_M"))
@click.argument("model", metavar="MODEL")
@click.option("--force", is_flag=True, help="Describe a pickle, too; it is not opened.")
@option.json
@click.pass_context
def inspect(ctx: click.Context, model: str, force: bool, as_json: bool) -> None:
    """Say what MODEL is and which backends can load it.

    MODEL is a file, a folder, hf:OWNER/NAME:Q4_K_M or a URL. Exit code 8: no backend loads this chat model.
    """
    from stackctl.commands.models.inspect import inspect as run
    from stackctl.commands.models.inspect import refuse_unloadable
    from stackctl.report.inspect import inspected

    machine = machine_of(ctx, as_json=as_json)
    about = run(machine, model, force=force)
    machine.ui.result(*inspected(about, machine.ui))
    refuse_unloadable(about)
