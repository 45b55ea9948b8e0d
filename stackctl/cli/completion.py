"""`stackctl completion`."""

import click

from stackctl.cli.root import main
from stackctl.ui import Ui


@main.command(
    examples=(
        'eval "$(stackctl completion bash)"  # in ~/.bashrc',
        'eval "$(stackctl completion zsh)"   # in ~/.zshrc',
        "stackctl completion fish | source   # in config.fish",
    )
)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the completion script for bash, zsh or fish.

    The line for your shell below switches it on: the Tab key then completes commands, options, models and services.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    Ui().raw(kind(main, {}, "stackctl", "_STACKCTL_COMPLETE").source() + "\n")
