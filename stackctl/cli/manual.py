"""`stackctl help`."""

import click

from stackctl.cli import candidates
from stackctl.cli.root import main
from stackctl.ui import Ui


@main.command("help", examples=("stackctl help deploy", "stackctl help models pull"))
@click.argument("words", nargs=-1, metavar="[COMMAND]...", shell_complete=candidates.commands)
@click.pass_context
def help_(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of a command, as its --help does."""
    above = ctx.find_root()
    for word in words:
        group = above.command
        if not isinstance(group, click.Group):
            raise click.UsageError(f"`{above.command_path}` has no commands below it: leave out {word!r}.")
        name, command, _ = group.resolve_command(above, [word])
        if command:  # which is not None: a word that is none was refused
            above = command.context_class(command, info_name=name, parent=above)
    Ui().raw(above.get_help() + "\n")
