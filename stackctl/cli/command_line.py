"""The command line that the user typed, to be typed again with other options."""

from collections.abc import Collection

import click
from click.core import ParameterSource

from stackctl.terminal import command_line


def typed_command(ctx: click.Context, *, without: Collection[str], also: Collection[str] = ()) -> str:
    """Return the command with the options that were given, for a shell.

    `without`, `also`: options to leave out, and flags to add, by their names in Python.
    """
    words: list[object] = []
    for each in (*_parents(ctx), ctx):
        words.append(each.info_name if each.parent else "stackctl")
        added = also if each is ctx else ()
        words += (word for one in each.command.params for word in _words(one, each, without, added))
    return command_line(*words)


def _parents(ctx: click.Context) -> tuple[click.Context, ...]:
    return (*_parents(ctx.parent), ctx.parent) if ctx.parent else ()


def _words(
    one: click.Parameter, ctx: click.Context, without: Collection[str], also: Collection[str]
) -> tuple[object, ...]:
    """Return what an option or argument is on the command line; () where it was not given."""
    name = one.name or ""
    is_given = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    if name in without or not (is_given or name in also):
        return ()
    if not isinstance(one, click.Option):
        return (ctx.params[name],)
    if one.is_flag:
        return (one.opts[-1],)
    # an option that all commands share is no parameter of its command
    value = ctx.params[name] if one.expose_value else getattr(ctx.find_root().obj, name)
    return one.opts[-1], ",".join(value) if isinstance(value, tuple) else value  # words between commas, as of --gpus
