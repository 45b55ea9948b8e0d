"""What all commands and groups share: their options before and after the command, examples, and words for a mistake."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from stackctl.cli import candidates
from stackctl.cli.session import session_of
from stackctl.errors import DataError
from stackctl.ui import PROGRESS, PROGRESS_HELP, Progress, columns

_USUAL, _WIDEST = 80, 100  # columns of a help page
_TEXT = 44  # columns that the text of an option keeps beside its name
_SUMMARY = 60  # characters
_HYPHEN, _UNBROKEN = "-", "\N{NON-BREAKING HYPHEN}"  # no line ends within --gpu-layers
_ANSWERS_S = 1.0  # for a folder
_FOLDER_HELP = "The stack's folder [default: this one]."
# the options before the command that not every command has: what the others do without
_PARTIAL = {"as_json": ("--json", "prints no JSON"), "yes": ("--yes", "asks nothing")}


class Formatter(click.HelpFormatter):
    """Help as wide as the terminal, also where that is narrow; lines break between words."""

    def __init__(self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None) -> None:
        super().__init__(indent_increment, width or min(columns() or _USUAL, max_width or _WIDEST) - 2, max_width)

    def write_text(self, text: str) -> None:
        super().write_text(text.replace(_HYPHEN, _UNBROKEN))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        rows = [(first, second.replace(_HYPHEN, _UNBROKEN)) for first, second in rows]
        super().write_dl(rows, min(col_max, max(self.width - _TEXT, 14)), col_spacing)

    def getvalue(self) -> str:
        return super().getvalue().replace(_UNBROKEN, _HYPHEN)


class Context(click.Context):
    formatter_class = Formatter


def _keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Write down what a shared option says; one that is not given here may have been given before."""
    if value:
        setattr(session_of(ctx), str(param.name), value)


class _Directory(click.Path):
    """A folder that is there; ~ is the user's, also where no shell replaced it, as in --folder=~/x."""

    def convert(self, value: "str | os.PathLike[str]", param: click.Parameter | None, ctx: click.Context | None) -> Any:
        value = os.path.expanduser(value)  # noqa: PTH111 - "" is refused, "." is not
        if ctx and session_of(ctx).is_hasty:
            refuse_silent(Path(value))
        return super().convert(value, param, ctx)


def refuse_silent(folder: Path) -> None:
    """End with an error if a folder does not answer: nothing else could be known in time."""
    from stackctl.effects.storage.answering import answers

    if not answers(folder, _ANSWERS_S):
        raise DataError(
            f"the folder {folder} does not answer: its disk, or the server of its share, is gone",
            hint="Check that server and the network, then mount the folder again. `findmnt` shows what is mounted.",
            issue="disk-not-mounted",
        )


def _show_progress(ctx: click.Context, _: click.Parameter, value: Progress | None) -> None:
    if value:
        session_of(ctx).ui.show_progress(value)


def _shared(*names: str, callback: Callable[..., None] = _keep, **attributes: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=callback, **attributes)


def _folder(*names: str) -> click.Option:
    kind = _Directory(path_type=Path, file_okay=False, exists=True)
    return _shared(*names, "stack_folder", type=kind, help=_FOLDER_HELP, shell_complete=candidates.stacks)


_FOLDER, _FOLDER_ALONE = _folder("-C", "--folder"), _folder("-C")  # the latter where --folder is another one
_VERBOSE = _shared("-v", "--verbose", is_flag=True, help="Show every command that is run.")
_PROGRESS = _shared(
    "--progress", type=click.Choice(PROGRESS), callback=_show_progress, metavar="HOW", help=PROGRESS_HELP
)
_JSON = _shared("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_YES = _shared("-y", "--yes", is_flag=True, help="Ask nothing: every answer is yes.")


class _Shared(click.Command):
    """A command or a group. `examples`: command lines. `listed`: a title, and what stands below it in the help."""

    context_class = Context

    def __init__(
        self,
        *args: Any,
        examples: Sequence[str] = (),
        listed: tuple[str, Callable[[], Iterable[tuple[str, str]]]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples, self.listed = tuple(examples), listed
        taken = {name for param in self.params for name in param.opts}
        self.params += [_FOLDER_ALONE if "--folder" in taken else _FOLDER, _VERBOSE, _PROGRESS]

    def get_short_help_str(self, limit: int = _SUMMARY) -> str:
        """Return the summary whole; where there is less room, it is wrapped."""
        return super().get_short_help_str(max(limit, _SUMMARY))

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        if self.listed:
            title, rows = self.listed
            with formatter.section(title):
                formatter.write_dl([*rows()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples" if len(self.examples) > 1 else "Example"):
                for line in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        typed = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            from stackctl.cli import mistyped

            raise click.UsageError(mistyped.unknown_option(ctx, error.option_name, typed), ctx) from None


class Command(_Shared):
    """A command that does something."""

    allow_extra_args = True  # which are refused below, in our words

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        if ctx.resilient_parsing:
            return rest
        if rest:
            from stackctl.cli import mistyped

            raise click.UsageError(mistyped.extra_arguments(ctx, rest), ctx)
        for name, (option, lacks) in _PARTIAL.items():
            if getattr(session_of(ctx), name):
                if name not in ctx.params:
                    raise click.UsageError(f"`{ctx.command_path}` {lacks}: leave out {option}.", ctx)
                ctx.params[name] = True
        return rest


class Group(_Shared, click.Group):
    """A group of commands, listed in the order in which they were added; words of other programs are understood."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [_JSON, _YES]

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click gives it
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word, *rest = args
        path = ctx.command_path.split()[1:]
        root = ctx.find_root().command
        if word == "help" and path and isinstance(root, Group):
            return word, root.commands[word], [*path, *rest]
        found = self.commands.get(word) or self._understood(ctx, word)
        return found.name if found else None, found, rest

    def _understood(self, ctx: click.Context, word: str) -> click.Command | None:
        """The command that a word of another program stands for; raise UsageError for one that stands for none."""
        from stackctl.cli import mistyped, synonyms

        path = ctx.command_path.partition(" ")[2]
        found = self.commands.get(synonyms.ALIASES.get(path, {}).get(word, ""))
        if found or ctx.resilient_parsing:
            return found
        if word in synonyms.VERSION and not path:
            self.parse_args(ctx, ["--version"])
        raise click.UsageError(mistyped.unknown_command(ctx, word), ctx)


Group.group_class = Group
