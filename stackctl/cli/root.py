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
from stackctl.cli.command import Group, Session, session_of
from stackctl.cli.interruption import interruption
from stackctl.effects.host.limits import shortage
from stackctl.errors import INTERRUPTED, ConfigError, StackctlError
from stackctl.ui import Ui

if TYPE_CHECKING:
    from stackctl.machine import Machine

# these do all, or all but a part, without one; `images build` leaves it to docker's own command, which knows ssh
_WITHOUT_ENGINE: Final = frozenset({"render", "init", "history", "models", "import", "images build"})


class Cli(Group):
    """Show an expected failure once, with its exit code; a bug stays a traceback."""

    def make_context(
        self,
        info_name: str | None,  # noqa: ARG002 - click gives it; `python -m stackctl` has the same name
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        return super().make_context("stackctl", args, parent, obj=Session(ui=Ui()), **extra)

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
            interruption.tell(session_of(ctx).ui)
            ctx.exit(INTERRUPTED)
        except (click.exceptions.Exit, click.ClickException) as done:
            interruption.code = done.exit_code
            raise
        else:
            interruption.code = 0
            return found
        finally:
            interruption.is_raised = False

    def _end(self, ctx: click.Context, error: StackctlError) -> NoReturn:
        interruption.code = error.exit_code
        ui = session_of(ctx).ui
        ui.error(error.message, hint=error.hint, evidence=error.evidence)
        if ui.as_json and error.rolled_back is not None:
            values = {"error": error.message, "exit_code": error.exit_code, "rolled_back": error.rolled_back}
            ui.result("", values)
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

    -C, -v, --json and --yes may stand before or after the command.
    """


def _existing(folder: Path) -> Path:
    """Return the folder; raise ConfigError if it is relative and the current folder was removed."""
    try:
        Path.cwd()
    except FileNotFoundError as e:
        if not folder.is_absolute():
            raise ConfigError(
                "the current folder was removed", hint="Change to another one, or run `stackctl -C FOLDER`."
            ) from e
        os.chdir(folder)
    return folder


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
    machine = real(_existing(session.stack_folder), session.ui)
    command = ctx.command_path.partition(" ")[2]
    if _WITHOUT_ENGINE.isdisjoint({command, command.partition(" ")[0]}):
        machine.docker.refuse_distant(machine.place, command)
    return machine


def sits_elsewhere(environ: Mapping[str, str]) -> bool:
    """Return whether the user is at another device: they came by SSH, or this one has no display."""
    has_display = not sys.platform.startswith("linux") or environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    return bool(environ.get("SSH_CONNECTION")) or not has_display


def agrees_on_terminal(question: str) -> bool | None:
    """Ask a question whose default answer is no; return None if there is no terminal."""
    return click.confirm(question, default=False, err=True) if sys.stdin.isatty() else None


def agrees(question: str) -> bool | None:
    """Ask a question whose default answer is yes; return None if no answer can come."""
    if sys.stdin.isatty():
        return click.confirm(question, default=True, err=True)
    line = _waiting_line()
    return line.strip().lower() in {"", "y", "yes"} if line else None


def agrees_to_change(question: str, *, yes: bool, ui: Ui) -> bool:
    """Ask before something is copied, brought back or deleted; the answer is no by default, and said.

    `yes`: ask nothing. Raises UsageError, which names --yes, where nobody is there to answer.
    """
    if yes:
        return True
    if sys.stdin.isatty():
        agreed = click.confirm(question, default=False, err=True)
    elif line := _waiting_line():
        agreed = line.strip().lower() in {"y", "yes"}
    else:
        raise click.UsageError(f'nobody is here to answer "{question}"; add --yes to go on without the question')
    if not agreed:
        ui.note("nothing was changed")
    return agreed


def ask_which(question: str, names: Sequence[str]) -> str | None:
    """Ask for one of several names; return None if no answer can come."""
    if sys.stdin.isatty():
        return str(click.prompt(question, type=click.Choice(names), err=True))
    return _waiting_line().strip() or None


def _waiting_line() -> str:
    """Read an answer that a script has piped to stdin, but never wait for one."""
    try:
        has_answer = bool(select.select([sys.stdin], [], [], 0)[0])
    except (OSError, ValueError):  # closed
        return ""
    return sys.stdin.readline() if has_answer else ""
