"""The command that takes over a SillyTavern that exists already."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackctl.cli import options as option
from stackctl.cli.root import agrees_to_change, machine_of, main

if TYPE_CHECKING:
    from stackctl.machine import Machine


@main.command(
    examples=("stackctl adopt --dry-run ~/SillyTavern", "stackctl adopt ~/SillyTavern", "stackctl adopt --undo")
)
@click.argument("source", required=False, type=click.Path(path_type=Path), metavar="[FOLDER|CONTAINER]")
@click.option("--service", metavar="NAME", help="Which SillyTavern of a compose file that has several.")
@click.option("--undo", is_flag=True, help="Take an adoption back; newer chats are copied to the original.")
@click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")
@option.yes
@option.json
@click.pass_context
def adopt(
    ctx: click.Context, *, source: Path | None, service: str | None, undo: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Copy an existing SillyTavern into this stack.

    Chats, characters, settings, plugins, extensions, secrets and users are copied. FOLDER is a native installation, the
    folder of a compose file, whose mounts are followed, or a data folder; CONTAINER is the name of a container. It
    stays unchanged; only --undo copies newer chats back into it. `stackctl deploy` then runs the copy.
    """
    if undo == (source is not None):
        raise click.UsageError("Name the FOLDER or CONTAINER to adopt, or write --undo.")
    machine = machine_of(ctx, as_json=as_json)
    if source:
        _adopt(machine, source, service, dry_run=dry_run, yes=yes)
    else:
        _undo(machine, dry_run=dry_run, yes=yes)


def _adopt(machine: "Machine", source: Path, service: str | None, *, dry_run: bool, yes: bool) -> None:
    from stackctl import report
    from stackctl.commands import adopt as command

    found = command.prepare(machine, source, service=service)
    text, values = report.to_adopt(found, machine.ui)
    if _goes_on(machine, text, values, dry_run=dry_run, yes=yes):
        machine.ui.result(*report.adopted(command.adopt(machine, found), values))


def _undo(machine: "Machine", *, dry_run: bool, yes: bool) -> None:
    from stackctl import report
    from stackctl.commands import undo_adopt as command

    found = command.prepare(machine)
    text, values = report.to_undo(found, machine.ui)
    if _goes_on(machine, text, values, dry_run=dry_run, yes=yes):
        machine.ui.result(*report.undone(command.undo(machine, found), values))


def _goes_on(machine: "Machine", text: str, values: dict[str, Any], *, dry_run: bool, yes: bool) -> bool:
    """Show the table, and ask."""
    if dry_run:
        machine.ui.result(text, values)
        return False
    machine.ui.told(text + "\n\n")
    return agrees_to_change("Continue?", yes=yes, ui=machine.ui)
