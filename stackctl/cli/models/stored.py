"""`stackctl models list`, `verify` and `remove`."""

import click

from stackctl.cli import candidates
from stackctl.cli import options as option
from stackctl.cli.models.group import models
from stackctl.cli.root import agrees_to_change, machine_of


@models.command("list", examples=("stackctl models list",))
@option.json
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the models that were pulled, and who uses them.

    Those in the caches of Hugging Face, LM Studio, llama.cpp and Ollama follow, by their names and sizes.
    """
    from stackctl.commands.models import stored as command
    from stackctl.report.stored_models import listed

    machine = machine_of(ctx, as_json=as_json)
    elsewhere = machine.storage.cached_models()
    machine.ui.result(*listed(command.stored_models(machine), elsewhere, machine.ui))


@models.command(examples=("stackctl models verify", "stackctl models verify OWNER/NAME/model.gguf"))
@click.argument("names", nargs=-1, metavar="[MODEL]...", shell_complete=candidates.pulled)
@option.json
@click.pass_context
def verify(ctx: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Compare pulled models with their checksums.

    Without MODEL, all of them are read.
    """
    from stackctl.commands.models import stored as command
    from stackctl.errors import ModelError
    from stackctl.report.stored_models import verified
    from stackctl.terminal import command_line

    machine = machine_of(ctx, as_json=as_json)
    done = command.verify(machine, names)
    machine.ui.result(*verified(done))
    if wrong := [one.name for one in done if one.wrong]:
        raise ModelError(
            f"damaged: {', '.join(wrong)}",
            hint=f"Run `{command_line('stackctl', 'models', 'remove', wrong[0])}`, then pull it again.",
            issue="model-damaged",
        )


@models.command(examples=("stackctl models remove OWNER/NAME/model.gguf",))
@click.argument("name", metavar="MODEL", shell_complete=candidates.pulled)
@click.option("--force", is_flag=True, help="Delete it even if a stack uses it.")
@option.yes
@option.json
@click.pass_context
def remove(ctx: click.Context, name: str, force: bool, yes: bool, as_json: bool) -> None:
    """Delete a model that was pulled."""
    from stackctl.commands.models import stored as command
    from stackctl.report.stored_models import removed
    from stackctl.terminal import shown_in_line

    machine = machine_of(ctx, as_json=as_json)
    entry = command.removable_model(machine, name, force=force)
    question = f"Delete {shown_in_line(entry.name)} ({entry.kept.size / 1e9:.2f} GB)?"
    if not agrees_to_change(question, yes=yes, ui=machine.ui):
        return
    freed = command.remove(machine, entry)
    machine.ui.done(*removed(entry, freed))
