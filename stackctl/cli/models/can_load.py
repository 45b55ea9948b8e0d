"""`stackctl models can-load`."""

import click

from stackctl.cli import options as option
from stackctl.cli.models.group import models
from stackctl.cli.root import machine_of


@models.command(
    "can-load",
    examples=(
        "stackctl models can-load model.gguf",
        "stackctl models can-load model.gguf --backend koboldcpp",
    ),
)
@click.argument("model", metavar="MODEL")
@click.option(
    "--backend",
    cls=option.OneOf,
    type=option.OWN_KINDS,
    metavar="NAME",
    help="The program that has to load it [default: any].",
)
@option.json
@click.pass_context
def can_load(ctx: click.Context, model: str, backend: str | None, as_json: bool) -> None:
    """Say whether a backend can load MODEL: exit code 0 or 8.

    0 means yes and 8 no. MODEL is a file, a folder, hf:OWNER/NAME:Q4_K_M or a URL; only its header is read. Without
    --backend one that can is enough. Judged is the build of its program that a new stack takes.
    """
    from stackctl.commands.models import can_load as command
    from stackctl.report.can_load import judged

    machine = machine_of(ctx, as_json=as_json)
    done = command.can_load(machine, model, backend or "")
    machine.ui.result(*judged(done, machine.ui))
    command.refuse(done)
