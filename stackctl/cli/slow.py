"""The command that says why a stack answers slowly."""

import click

from stackctl.cli import options as option
from stackctl.cli.root import machine_of, main


@main.command("why-slow", examples=("stackctl why-slow", "stackctl why-slow --measure"))
@click.option("--measure", "measures", is_flag=True, help="Ask for one short reply, and look meanwhile.")
@option.json
@click.pass_context
def why_slow(ctx: click.Context, measures: bool, as_json: bool) -> None:
    """Show where the time of the last replies went.

    In seconds: prompts that were read again, layers in RAM, a limited or busy processor, memory that is not in RAM,
    heat and power; and what each change would bring. Nothing is changed. The exit code is 0 if the stack runs, whatever
    was found.
    """
    from stackctl.commands import why_slow as command
    from stackctl.report.why_slow import why_slow as text

    machine = machine_of(ctx, as_json=as_json)
    machine.ui.result(*text(command.why_slow(machine, measures=measures), machine.ui))
