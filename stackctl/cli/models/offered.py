"""What a key of `models recommend` does: it deploys that model where there is no stack, else it shows the command."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from stackctl.cli.menu import chosen_number
from stackctl.cli.session import session_of
from stackctl.terminal import command_line
from stackctl.ui import Ui

if TYPE_CHECKING:
    from stackctl.commands.models.recommend import Recommended
    from stackctl.machine import Machine

_LATER = "Run `stackctl models recommend` to choose later."


def can_ask(ui: Ui) -> bool:
    """Return whether the user sees a menu and can answer it: nothing is a pipe or a file, and no JSON is wanted."""
    return not ui.as_json and sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()


def choose(ctx: click.Context, machine: "Machine", done: "Recommended", options: Sequence[str]) -> None:
    """Ask for one of the menu. options: of the deploy that a key stands for, apart from the model."""
    from stackctl.commands.models.published import published_source
    from stackctl.report.menu import menu
    from stackctl.steps.first_model import has_stack

    words = [("deploy", "--model", str(offer.model.source), *options) for offer in done.offers]
    folder = session_of(ctx).stack_folder
    elsewhere = ("-C", folder) if folder != Path() else ()
    commands = [command_line("stackctl", *elsewhere, *each) for each in words]
    is_free = not has_stack(machine)
    explanation = (
        f"A number downloads that model and starts a chat with it in {machine.place}; q changes nothing."
        if is_free
        else "This folder has a stack. A number changes nothing here: it shows the command that runs that model."
    )
    machine.ui.menu(
        ["For this machine stackctl proposes:", *menu(done.offers), f"From stackctl's catalogue of {done.date}."]
    )
    number = chosen_number(len(commands), machine.ui, explanation=explanation, later=_LATER, takes_enter=False)
    if not number:
        machine.ui.note(f"nothing was changed. {_LATER} Or run one of these:")
        machine.ui.result("\n".join(commands), {})
    elif is_free:
        source = published_source(machine, done, done.offers[number - 1].model)
        name, *rest = ("deploy", "--model", str(source), *options)
        machine.ui.step(f"Running {command_line('stackctl', *elsewhere, name, *rest)}")
        _run(ctx.find_root(), name, *rest)
    else:
        machine.ui.result(f"to run it: {commands[number - 1]}", {})


def _run(root: click.Context, name: str, *words: str) -> None:
    """Run another command, as if it had been typed with the shared options of this one."""
    command = cast(click.Group, root.command).commands[name]
    with command.make_context(name, list(words), parent=root) as ctx:
        command.invoke(ctx)
