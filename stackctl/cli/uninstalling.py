"""The command that removes what stackctl brought."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from stackctl.cli import options as option
from stackctl.cli.root import agrees_to, machine_of, main, typed_name

if TYPE_CHECKING:
    from stackctl.core.uninstall.inventory import Item, Kind


@main.command(
    examples=("stackctl uninstall --dry-run", "stackctl uninstall", "stackctl uninstall --yes --chats my-stack")
)
@click.option(
    "--chats", "chats", multiple=True, metavar="NAME", help="Also delete the chats of this stack; type its name."
)
@click.option("--dry-run", is_flag=True, help="List what would be removed; change nothing.")
@option.yes
@option.json
@click.pass_context
def uninstall(ctx: click.Context, *, chats: tuple[str, ...], dry_run: bool, yes: bool, as_json: bool) -> None:
    """List what is here because of stackctl, and remove it.

    Stacks, images, programs, models and other files, each kind after a question. What others use stays. Chats stay,
    too, whatever --yes says: only --chats NAME deletes those of a stack, once its name is typed on a terminal.
    """
    from stackctl.commands.uninstall.look import look
    from stackctl.commands.uninstall.remove import chosen_chats, planned, uninstall
    from stackctl.report import uninstall as report

    machine = machine_of(ctx, as_json=as_json)
    found = look(machine)
    chosen = chosen_chats(found, chats)
    if dry_run:
        done = planned(found, chosen)
    else:
        machine.ui.overview(report.inventory(found, machine.ui))
        _confirm(chosen)

        def agrees(kind: "Kind", items: "Sequence[Item]") -> bool:
            return agrees_to(report.question(kind, items), yes=yes)

        done = uninstall(machine, found, chosen, agrees)
    for error in done.errors:
        machine.ui.error(error)
    machine.ui.result(*report.uninstalled(done, machine.ui, is_dry=dry_run))
    ctx.exit(done.exit_code)


def _confirm(chosen: "Sequence[Item]") -> None:
    """Let the name of each stack be typed whose chats are to be deleted; raise ConfigError unless it is right."""
    from stackctl.errors import ConfigError
    from stackctl.terminal import shown_in_line

    for one in chosen:
        asked = f"Type {shown_in_line(one.name)!r} to delete all chats in {shown_in_line(one.place)} for good"
        typed = typed_name(asked)
        if typed is None:
            raise ConfigError(
                f"the chats of {one.name} are deleted only where its name can be typed, and there is no terminal",
                hint="Run the same command on a terminal.",
            )
        if typed.strip() != one.name:
            raise ConfigError(
                f"what was typed is not {one.name!r}; nothing was changed",
                hint="Run it again and type the name, or leave out `--chats`.",
            )
