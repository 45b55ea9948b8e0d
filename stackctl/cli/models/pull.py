"""`stackctl models pull`."""

from pathlib import Path

import click

from stackctl.cli import options as option
from stackctl.cli.models.group import models
from stackctl.cli.root import machine_of


@models.command(
    examples=("stackctl models pull hf:OWNER/NAME:Q4_K_M", "stackctl models pull https://example.org/model.gguf")
)
@click.argument("source", metavar="SOURCE")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where to put it [default: stackctl's folder for models].",
)
@option.json
@click.pass_context
def pull(ctx: click.Context, source: str, to: Path | None, as_json: bool) -> None:
    """Fetch a model and verify its checksum.

    SOURCE is hf:OWNER/NAME:Q4_K_M, hf:OWNER/NAME/FILE or a URL. After an interruption the same command resumes.
    """
    from stackctl.commands.models.pull import pull as command
    from stackctl.report.stored_models import pulled
    from stackctl.steps.models.named_model import named_source

    machine = machine_of(ctx, as_json=as_json)
    machine.ui.result(*pulled(command(machine, named_source(machine, source), to and to.absolute())))
