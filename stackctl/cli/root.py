"""The group of all commands, what they share, and the only place where errors become exit codes."""

import os
import select
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from stackctl import __version__
from stackctl.cli.command import Group
from stackctl.cli.interruption import interrupted, interruption
from stackctl.cli.session import Session, session_of
from stackctl.effects.host.limits import shortage
from stackctl.errors import INTERRUPTED, ConfigError, StackctlError
from stackctl.ui import Ui

if TYPE_CHECKING:
    from stackctl.machine import Machine

# these do all, or all but a part, without one; `images build` leaves it to docker's own command, which knows ssh
_WITHOUT_ENGINE: Final = frozenset({"render", "init", "history", "models", "import", "setup", "images build", "doctor"})


class Cli(Group):
    """Show an expected failure once, with its exit code; a bug stays a traceback."""

    def make_context(
        self,
        info_name: str | None,  # noqa: ARG002 - click gives it; `python -m stackctl` has the same name
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        session = Session(ui=Ui(), build=extra.pop("obj", None), wants_json="--json" in args, is_hasty="doctor" in args)
        try:
            return super().make_context("stackctl", args, parent, obj=session, **extra)
        except click.UsageError as error:
            _print_error(session, error)
            raise
        except StackctlError as error:
            _show_error(session, error)
            raise click.exceptions.Exit(error.exit_code) from error

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
            _show_error(session_of(ctx), interrupted())
            ctx.exit(INTERRUPTED)
        except (click.exceptions.Exit, click.ClickException) as done:
            interruption.code = done.exit_code
            if isinstance(done, click.UsageError):
                _print_error(session_of(ctx), done)
            raise
        else:
            interruption.code = 0
            return found
        finally:
            interruption.is_raised = False

    def _end(self, ctx: click.Context, error: StackctlError) -> NoReturn:
        interruption.code = error.exit_code
        _show_error(session_of(ctx), error)
        ctx.exit(error.exit_code)


@click.group(
    cls=Cli,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    examples=("stackctl deploy", "stackctl status", "stackctl help models pull", "stackctl -C ~/other-stack logs -f"),
)
@click.version_option(__version__, message="stackctl %(version)s")
def main() -> None:
    """From a box with a GPU to a private chat that works.

    `stackctl deploy` renders a Docker Compose stack of SillyTavern and an LLM backend, starts it, waits until the
    loaded model answers, and proves it by a reply through SillyTavern.

    -C, -v, --progress, --json and --yes may stand before or after the command.
    """


def _existing(folder: Path) -> Path:
    """Return the folder; raise ConfigError if it is relative and the current folder was removed."""
    try:
        Path.cwd()
    except FileNotFoundError as e:
        if not folder.is_absolute():
            raise ConfigError(
                "the current folder was removed",
                hint="Change to another one, or run `stackctl -C FOLDER`.",
                issue="stack-missing",
            ) from e
        os.chdir(folder)
    return folder


def _show_error(session: Session, error: StackctlError) -> None:
    session.ui.error(error)
    _print_error(session, error)


def _print_error(session: Session, error: StackctlError | click.UsageError) -> None:
    """Print an error as JSON if JSON is wanted, unless a result was printed, which then stands for the command."""
    ui = session.ui
    if session.wants_json and (ui.is_stream or not ui.has_result):
        from stackctl.report.failure import failed, misused

        ui.as_json = True
        if isinstance(error, StackctlError):
            ui.result("", failed(error))
        else:
            command = error.ctx.command_path if error.ctx else "stackctl"
            ui.result("", misused(error.format_message(), command=command))


@contextmanager
def until_interrupted(ctx: click.Context) -> Iterator[None]:
    """Let a command run until Ctrl-C, or until its reader is gone: neither is an error here."""
    try:
        yield
    except KeyboardInterrupt:
        ctx.exit(INTERRUPTED)
    except BrokenPipeError:
        ctx.exit(0)


def machine_of(ctx: click.Context, *, as_json: bool = False) -> "Machine":
    """Return the machine with the stack's folder that the command line names."""
    from stackctl.machine import real

    session = session_of(ctx)
    session.ui.as_json, session.ui.verbose = as_json, session.verbose
    machine: Machine = (session.build or real)(_existing(session.stack_folder), session.ui)
    command = ctx.command_path.partition(" ")[2]
    if _WITHOUT_ENGINE.isdisjoint({command, command.partition(" ")[0]}):
        machine.docker.refuse_distant(machine.place, command)
    return machine


def sits_elsewhere(environ: Mapping[str, str]) -> bool:
    """Return whether the user is at another device: they came by SSH, or this one has no display."""
    has_display = not sys.platform.startswith("linux") or environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    return bool(environ.get("SSH_CONNECTION")) or not has_display


def has_terminal() -> bool:
    """Return whether somebody can be asked."""
    return sys.stdin.isatty()


def agrees_on_terminal(question: str) -> bool | None:
    """Ask a question whose default answer is no; return None if there is no terminal."""
    return click.confirm(question, default=False, err=True) if sys.stdin.isatty() else None


def chosen_on_terminal(question: str, names: Sequence[str]) -> str | None:
    """Ask for one of several names; return None if there is no terminal."""
    return str(click.prompt(question, type=click.Choice(names), err=True)) if sys.stdin.isatty() else None


def agrees_to_change(question: str, *, yes: bool, ui: Ui) -> bool:
    """Ask before something is copied, brought back or deleted; return whether the user agrees. The default is no.

    `yes`: ask nothing. Raises UsageError, which names --yes, if no answer can come.
    """
    agreed = agrees_to(question, yes=yes)
    if not agreed:
        from stackctl.report.failure import declined

        ui.done("nothing was changed", declined())
    return agreed


def agrees_to_repair(question: str, *, yes: bool) -> bool | None:
    """Ask before a repair, whose default answer is no; return None if no answer can come. `yes`: ask nothing."""
    if yes or sys.stdin.isatty():
        return yes or click.confirm(question, default=False, err=True)
    line = waiting_line()
    return line.strip().lower() in {"y", "yes"} if line else None


def agrees_to(question: str, *, yes: bool) -> bool:
    """Ask one of several questions, whose default is no. `yes`: ask nothing; UsageError if no answer can come."""
    agreed = agrees_to_repair(question, yes=yes)
    if agreed is None:
        raise click.UsageError(f'There is no terminal to ask "{question}" on: add --yes to agree.')
    return agreed


def typed_name(question: str) -> str | None:
    """Let a name be typed; return None without a terminal: no script may answer for a person."""
    return str(click.prompt(question, default="", show_default=False, err=True)) if sys.stdin.isatty() else None


def ask_which(question: str, names: Sequence[str], ui: Ui) -> str | None:
    """Ask for one of several names; return None if no answer can come. Who wants JSON is not asked on a terminal."""
    if sys.stdin.isatty():
        return None if ui.as_json else chosen_on_terminal(question, names)
    return waiting_line().strip() or None


def waiting_line() -> str:
    """Read an answer that a script has piped to stdin, but never wait for one."""
    try:
        has_answer = bool(select.select([sys.stdin], [], [], 0)[0])
    except (OSError, ValueError):  # closed
        return ""
    return sys.stdin.readline() if has_answer else ""
