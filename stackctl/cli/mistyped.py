"""Words for a command or an option that is not there: the one that was meant, as far as that can be known."""

from collections.abc import Iterator, Sequence

import click

from stackctl.cli import synonyms
from stackctl.terminal import table
from stackctl.ui import columns

_INDENT = "  "
_MANY = 5  # commands that are named for one option


def unknown_command(ctx: click.Context, word: str) -> str:
    """Return the message for a word that is no command of the group of `ctx`."""
    path = ctx.command_path
    message = f"`{path}` has no command {word!r}."
    if rows := [*synonyms.POINTERS.get(_below(path), {}).get(word, ()), *_of_other_groups(ctx, word)]:
        room = columns()
        shown = table(rows, room and room - len(_INDENT), has_head=False)
        return "\n".join((message, *(_INDENT + line for line in shown.splitlines())))
    if nearest := _nearest(word, _commands(ctx)):
        return f"{message} The nearest one is `{nearest}`."
    return f"{message} `{path} --help` lists its commands."


def unknown_option(ctx: click.Context, name: str, typed: Sequence[str]) -> str:
    """Return the message for an option that the command of `ctx` does not have. `typed`: its words."""
    path, command = ctx.command_path, ctx.command
    whole = next((word.partition("=")[0] for word in typed if word.startswith(name)), name)
    if name in {"--json", "--yes", "-y"}:
        return f"`{path}` {'prints no JSON' if name == '--json' else 'asks nothing'}: leave out {name}."
    message = f"`{path}` has no option {name}."
    for word in typed:  # -hf of another program, which was read as -h and -f
        if not word.startswith("--") and word.endswith(name[1:]) and len(word) > len(name) and word in synonyms.OPTIONS:
            return f"`{path}` has no option {word}. {synonyms.OPTIONS[word]}"
    others = [other for other, one in leaves(ctx.find_root()) if one is not command and name in _options(one)]
    if others and isinstance(command, click.Group):
        below = [other for other in others if other.startswith(f"{path} ")]
        return f"{message} Write it after the command that has it: {_listed(below or others)}."
    if others:
        return f"{message} It is an option of {_listed(others)}."
    for word in (whole, name):
        if says := synonyms.OPTIONS.get(word):
            return f"`{path}` has no option {word}. {says}"
    if nearest := _nearest(name, {one: one for one in _options(command)}):
        return f"{message} The nearest one is {nearest}."
    return f"{message} `{path} --help` lists its options."


def extra_arguments(ctx: click.Context, rest: Sequence[str]) -> str:
    """Return the message for words behind a command that takes fewer."""
    takes = any(isinstance(one, click.Argument) for one in ctx.command.params)
    message = f"`{ctx.command_path}` takes no {'further ' if takes else ''}argument: leave out {' '.join(rest)!r}."
    return f"{message} A model is named by --model." if "--model" in _options(ctx.command) else message


def leaves(ctx: click.Context) -> Iterator[tuple[str, click.Command]]:
    """Yield every command of the group of `ctx` and of the groups below, by its full name."""
    for name, command in _members(ctx).items():
        if isinstance(command, click.Group):
            yield from leaves(click.Context(command, parent=ctx, info_name=name))
        else:
            yield f"{ctx.command_path} {name}", command


def _of_other_groups(ctx: click.Context, word: str) -> list[tuple[str, str]]:
    """The commands of this name that stand elsewhere, unless a pointer names them."""
    named = [line for line, _ in synonyms.POINTERS.get(_below(ctx.command_path), {}).get(word, ())]
    return [
        (path, one.get_short_help_str().rstrip("."))
        for path, one in leaves(ctx.find_root())
        if path.split()[-1] == word and not any(line.startswith(path) for line in named)
    ]


def _members(ctx: click.Context) -> dict[str, click.Command]:
    return dict(ctx.command.commands) if isinstance(ctx.command, click.Group) else {}


def _commands(ctx: click.Context) -> dict[str, str]:
    """What may be meant by a word -> the command in full; those of this group go before those of others."""
    path = ctx.command_path
    own = {name: f"{path} {name}" for name in _members(ctx)}
    own |= {word: f"{path} {name}" for word, name in synonyms.ALIASES.get(_below(path), {}).items()}
    return {one.split()[-1]: one for one, _ in leaves(ctx.find_root())} | own


def _nearest(word: str, known: dict[str, str]) -> str:
    """What the most similar of the known words stands for; "" where none is similar."""
    from difflib import get_close_matches

    found = get_close_matches(word.lower(), known, n=1)
    return known[found[0]] if found else ""


def _options(command: click.Command) -> set[str]:
    return {name for param in command.params if isinstance(param, click.Option) for name in param.opts}


def _listed(commands: Sequence[str]) -> str:
    shown = [f"`{one}`" for one in commands[:_MANY]]
    if len(commands) > _MANY:
        return f"{', '.join(shown)} and {len(commands) - _MANY} more"
    return " and ".join((", ".join(shown[:-1]), shown[-1])) if len(shown) > 1 else shown[0]


def _below(path: str) -> str:
    """The group as the tables name it: "" for stackctl itself."""
    return path.partition(" ")[2]
