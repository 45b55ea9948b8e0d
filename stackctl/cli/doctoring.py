"""The command that looks for what is wrong."""

from pathlib import Path

import click

from stackctl.cli import options as option
from stackctl.cli.command import refuse_silent
from stackctl.cli.root import agrees_to_repair, machine_of, main
from stackctl.cli.session import session_of


@main.command(examples=("stackctl doctor", "stackctl doctor --fix", "stackctl doctor --report report.tar.gz"))
@click.option("--deep", is_flag=True, help="Also try containers, of images that are here.")
@click.option("--fix", is_flag=True, help="Offer to repair what stackctl can repair safely.")
@click.option(
    "--report",
    "archive",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write an archive to send to who helps, without secrets.",
)
@option.yes
@option.json
@click.pass_context
def doctor(ctx: click.Context, *, deep: bool, fix: bool, archive: Path | None, yes: bool, as_json: bool) -> None:
    """Look for what is wrong, and say how to repair it.

    It looks at the engine, the machine, the network, the GPU and the stack of this folder, within three seconds, and
    names what to repair first. The exit code is that of the worst failure, and 0 if there are warnings alone.
    """
    from stackctl.commands import doctor as command
    from stackctl.report.doctor import COLOURS, diagnosis

    refuse_silent(session_of(ctx).stack_folder)
    machine = machine_of(ctx, as_json=as_json)
    if archive:
        from stackctl.commands.doctor_report import refuse_target

        refuse_target(archive)
    found = command.doctor(machine, is_deep=deep)
    if fix and found.repairable:
        from stackctl.commands.doctor_fix import repair

        found = repair(machine, found, agrees=lambda question: agrees_to_repair(question, yes=yes))
    text, values = diagnosis(found, machine.ui, is_fixing=fix)
    if archive:
        from stackctl.commands.doctor_report import write_report
        from stackctl.report.doctor_report import documents

        machine.ui.note(write_report(machine, documents(values, machine), archive).says)
    machine.ui.result(text, values, COLOURS)
    ctx.exit(found.exit_code)
