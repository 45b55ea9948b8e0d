"""`stackctl models pull`."""

from pathlib import Path

import click

from stackctl.cli import options as option
from stackctl.cli.models.group import models
from stackctl.cli.root import machine_of


@models.command()
@click.argument("source", metavar="SOURCE")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where to put it [default: stackctl's own folder for models].",
)
@option.json
@option.progress
@click.pass_context
def pull(ctx: click.Context, source: str, to: Path | None, as_json: bool) -> None:
    """Fetch a model, whole and verified: hf:OWNER/NAME:Q4_K_M, hf:OWNER/NAME/FILE, or an address.

    Interrupted at any moment, the same command goes on.
    """
    from stackctl.report.stored_models import pulled
    from stackctl.steps.models import pull as command

    machine = machine_of(ctx, as_json=as_json)
    offer = command.offered_download(machine, command.parse_source(source), to and to.absolute())
    machine.ui.result(*pulled(command.pull(machine, offer)))
