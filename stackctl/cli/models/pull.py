"""`stackctl models pull`."""

from pathlib import Path

import click

from stackctl.cli import options as option
from stackctl.cli.models.group import models
from stackctl.cli.root import machine_of


@models.command(
    examples=(
        "stackctl models pull hf:OWNER/NAME:Q4_K_M",
        "stackctl models pull https://example.org/model.gguf",
        "stackctl models pull --nodes",
    )
)
@click.argument("source", metavar="[SOURCE]", default="")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where to put it [default: stackctl's folder for models].",
)
@click.option("--nodes", "to_nodes", is_flag=True, help="Copy this stack's model to each node of the Swarm.")
@option.json
@click.pass_context
def pull(ctx: click.Context, source: str, to: Path | None, to_nodes: bool, as_json: bool) -> None:
    """Fetch a model and verify its checksum.

    SOURCE is hf:OWNER/NAME:Q4_K_M, hf:OWNER/NAME/FILE or a URL. After an interruption the same command resumes.
    With --nodes, the model of this folder's stack is copied to each node of the Swarm that lacks it.
    """
    if to_nodes:
        _bring(ctx, source, to, as_json=as_json)
        return
    if not source:
        raise click.UsageError("Missing argument 'SOURCE'.")
    from stackctl.commands.models.pull import pull as command
    from stackctl.report.stored_models import pulled
    from stackctl.steps.models.named_model import named_source

    machine = machine_of(ctx, as_json=as_json)
    machine.ui.result(*pulled(command(machine, named_source(machine, source), to and to.absolute())))


def _bring(ctx: click.Context, source: str, to: Path | None, *, as_json: bool) -> None:
    from stackctl.commands.nodes import bring_model
    from stackctl.errors import EngineError
    from stackctl.report.nodes import served

    if source or to:
        raise click.UsageError("--nodes takes neither SOURCE nor --to: it copies the model that stack.toml names.")
    machine = machine_of(ctx, as_json=as_json)
    done = bring_model(machine)
    machine.ui.result(*served(done))
    ctx.exit(EngineError.exit_code if done.failed else 0)
