"""The command that prepares a bare machine."""

from typing import TYPE_CHECKING

import click

from stackctl.cli import options as option
from stackctl.cli.root import agrees_on_terminal, has_terminal, machine_of, main

if TYPE_CHECKING:
    from collections.abc import Callable

    from stackctl.core.setup.plan import Source, Wanted
    from stackctl.core.setup.record import Added
    from stackctl.core.setup.step import Setup, SetupStep
    from stackctl.machine import Machine


@main.command(examples=("stackctl setup", "stackctl setup --print", "stackctl setup --undo"))
@click.option("--print", "prints", is_flag=True, help="Print the commands, and run none.")
@click.option(
    "--from",
    "source",
    type=click.Choice(["distribution", "docker"]),
    help="Whose Docker packages to take [default: the distribution's where they suffice].",
)
@click.option("--driver", is_flag=True, help="Also offer to install NVIDIA's driver, which needs a reboot.")
@click.option("--no-gpu", is_flag=True, help="Leave out what a GPU needs.")
@click.option("--undo", is_flag=True, help="Take back what earlier runs added, the last first.")
@option.yes
@option.json
@click.pass_context
def setup(
    ctx: click.Context,
    *,
    prints: bool,
    source: "Source | None",
    driver: bool,
    no_gpu: bool,
    undo: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Install what this machine lacks to run stacks.

    It looks for Docker, Compose, the user's group and what a GPU needs, shows the commands of this distribution for
    what is lacking, and asks before each step. Without a terminal it prints them. The exit code is 4 as long as
    something is lacking. An engine that answers is never replaced, and no driver is installed without --driver.
    """
    from stackctl.core.setup.plan import Wanted

    if driver and no_gpu:
        raise click.UsageError("--driver and --no-gpu exclude each other.")
    if undo and (source or driver or no_gpu):
        raise click.UsageError("--undo takes no option but --print, --yes and --json.")
    machine = machine_of(ctx, as_json=as_json)
    runs = not prints and (yes or (has_terminal() and not as_json))
    if undo:
        _undo(machine, runs=runs, yes=yes)
        return
    _set_up(ctx, machine, Wanted(source=source, driver=driver, gpu=not no_gpu), runs=runs, yes=yes)


def _set_up(ctx: click.Context, machine: "Machine", wanted: "Wanted", *, runs: bool, yes: bool) -> None:
    from stackctl.commands import setup as command
    from stackctl.report import setup as report

    agrees: Callable[[SetupStep, Setup], bool] | None = None
    if runs:

        def agrees(step: "SetupStep", setup: "Setup") -> bool:
            machine.ui.overview(report.offered(step, setup))
            return yes or _agrees_to_step(f"{step.title}?")

    done = command.set_up(machine, wanted, agrees)
    machine.ui.result(*report.set_up(done))
    ctx.exit(done.exit_code)


def _undo(machine: "Machine", *, runs: bool, yes: bool) -> None:
    from stackctl.commands import setup as command
    from stackctl.report import setup as report

    needs_sudo = bool(machine.system.user().uid)
    agrees: Callable[[Added], bool] | None = None
    if runs:

        def agrees(added: "Added") -> bool:
            machine.ui.overview(report.offered_back(added, needs_sudo=needs_sudo))
            return yes or _agrees_to_step(f"Take back: {added.title}?")

    machine.ui.result(*report.taken_back(command.undo(machine, agrees)))


def _agrees_to_step(question: str) -> bool:
    return agrees_on_terminal(question) or False
