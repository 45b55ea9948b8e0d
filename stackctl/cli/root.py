"""The door: the group of all commands, what they share, and the only place where errors become exit codes."""

import os
import select
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from stackctl import __version__
from stackctl.cli.interruption import interrupted, interruption
from stackctl.effects.host.limits import shortage
from stackctl.errors import INTERRUPTED, ConfigError, StackctlError
from stackctl.ui import PROGRESS, PROGRESS_HELP, Progress, Ui

if TYPE_CHECKING:
    from stackctl.machine import Machine

# these do all, or all but a part, without one; `images build` leaves it to docker's own command, which knows ssh
_WITHOUT_ENGINE: Final = frozenset({"render", "init", "history", "models", "import", "images build"})
_WANTS_JSON: Final = "stackctl.wants_json"


class Cli(click.Group):
    """Shows an expected failure once, with its own exit code; a bug stays a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_WANTS_JSON] = "--json" in args  # an error may come before the option itself is read
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            _print_error(ctx, error)
            raise

    def invoke(self, ctx: click.Context) -> object:
        try:
            interruption.is_raised = True
            found = super().invoke(ctx)
        except StackctlError as error:
            self._end(ctx, error)
        except (MemoryError, OSError, RuntimeError) as error:
            if found := shortage(error):
                self._end(ctx, found)
            raise
        except (KeyboardInterrupt, click.Abort):  # Abort: a question that got no yes
            interruption.is_raised = False
            _show_error(ctx, interrupted())
            ctx.exit(INTERRUPTED)
        except (click.exceptions.Exit, click.ClickException) as done:
            interruption.code = done.exit_code
            if isinstance(done, click.UsageError):
                _print_error(ctx, done)
            raise
        else:
            interruption.code = 0
            return found
        finally:
            interruption.is_raised = False

    def _end(self, ctx: click.Context, error: StackctlError) -> NoReturn:
        interruption.code = error.exit_code
        _show_error(ctx, error)
        ctx.exit(error.exit_code)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - in the order of a stack's life
        return list(self.commands)


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "-C",
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="The deployment's folder [default: this one].",
)
@click.option("-v", "--verbose", is_flag=True, help="Show every command that is run.")
@click.option("--progress", type=click.Choice(PROGRESS), help=PROGRESS_HELP)
@click.version_option(__version__, message="stackctl %(version)s")
@click.pass_context
def main(ctx: click.Context, folder: Path, verbose: bool, progress: Progress | None) -> None:
    """From a box with a GPU to a private chat that works.

    `stackctl deploy` renders a Docker Compose stack of SillyTavern and an LLM backend, starts it, waits until the
    loaded model answers, and proves it by a reply through SillyTavern.
    """
    build = ctx.obj  # of the machine; tests give their own
    ctx.obj = (_there(folder), Ui(verbose=verbose, progress=progress), build)


def _there(folder: Path) -> Path:
    """The folder, also where the one in which the user stands was removed meanwhile."""
    try:
        Path.cwd()
    except FileNotFoundError as e:
        if not folder.is_absolute():
            raise ConfigError(
                "the folder in which you stand was removed", hint="cd into another one; or name one: stackctl -C FOLDER"
            ) from e
        os.chdir(folder)
    return folder


def _ui(ctx: click.Context) -> Ui:
    """The one that has been talking, so that an error ends its status line; a fresh one before there was any."""
    return ctx.obj[1] if isinstance(ctx.obj, tuple) else Ui()


def _show_error(ctx: click.Context, error: StackctlError) -> None:
    _ui(ctx).error(error)
    _print_error(ctx, error)


def _print_error(ctx: click.Context, error: StackctlError | click.UsageError) -> None:
    """Print an error as JSON, where that is wanted, and where no result was printed that stands for the command."""
    ui = _ui(ctx)
    if ctx.find_root().meta[_WANTS_JSON] and (ui.is_stream or not ui.has_result):
        from stackctl.report.failure import failed, misused

        ui.as_json = True
        if isinstance(error, StackctlError):
            ui.result("", failed(error))
        else:
            command = error.ctx.command_path if error.ctx else "stackctl"
            ui.result("", misused(error.format_message(), command=command))


@contextmanager
def until_interrupted(ctx: click.Context) -> Iterator[None]:
    """For what goes on until Ctrl-C, or until nobody reads it: then that is no error, and nothing to say."""
    try:
        yield
    except KeyboardInterrupt:
        ctx.exit(INTERRUPTED)
    except BrokenPipeError:
        ctx.exit(0)


def machine_of(ctx: click.Context, *, as_json: bool = False) -> "Machine":
    from stackctl.machine import real

    folder, ui, build = ctx.obj
    ui.as_json = as_json
    machine: Machine = (build or real)(folder, ui)
    command = ctx.command_path.partition(" ")[2]
    if _WITHOUT_ENGINE.isdisjoint({command, command.partition(" ")[0]}):
        machine.docker.refuse_distant(machine.place, command)
    return machine


def sits_elsewhere(environ: Mapping[str, str]) -> bool:
    """Whether the user is at another device: they came by SSH, or this one shows them nothing."""
    has_display = not sys.platform.startswith("linux") or environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    return bool(environ.get("SSH_CONNECTION")) or not has_display


def agrees_on_terminal(question: str) -> bool | None:
    """Ask a question whose answer is no by default; None where there is no terminal."""
    return click.confirm(question, default=False, err=True) if sys.stdin.isatty() else None


def agrees(question: str) -> bool | None:
    """Ask a question whose answer is yes by default; None where nobody is there to answer it."""
    if sys.stdin.isatty():
        return click.confirm(question, default=True, err=True)
    line = _waiting_line()
    return line.strip().lower() in {"", "y", "yes"} if line else None


def ask_which(question: str, names: Sequence[str]) -> str | None:
    """Ask for one of several names; None where nobody is there to answer."""
    if sys.stdin.isatty():
        return str(click.prompt(question, type=click.Choice(names), err=True))
    return _waiting_line().strip() or None


def _waiting_line() -> str:
    """In a script an answer may be waiting; nobody is waited for."""
    try:
        has_answer = bool(select.select([sys.stdin], [], [], 0)[0])
    except (OSError, ValueError):  # closed
        return ""
    return sys.stdin.readline() if has_answer else ""
