"""Every command and group of the real command line, and a parse of it that runs nothing."""

import shlex

import click

from stackctl.cli import main


def tree(context: click.Context | None = None) -> dict[str, click.Context]:
    """Full name -> a context of every group and command, the root included."""
    context = context or main.make_context("stackctl", ["status"])
    found = {context.command_path: context}
    if isinstance(context.command, click.Group):
        for name, command in context.command.commands.items():
            found |= tree(command.context_class(command, parent=context, info_name=name))
    return found


def parse(line: str) -> click.Context:
    """Parse a command line as the shell would hand it over, down to its command; raise UsageError as that would."""
    program, *words = shlex.split(line, comments=True)
    assert program == "stackctl"
    context = main.make_context(program, words)
    while isinstance(context.command, click.Group):
        name, command, words = context.command.resolve_command(context, [*context._protected_args, *context.args])
        assert command
        context = command.make_context(name, words, parent=context)
    return context
