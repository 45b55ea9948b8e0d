"""The command that explains a log."""

import sys

import click

from stackctl.cli import candidates
from stackctl.cli import options as option
from stackctl.cli.root import machine_of, main

_NOTHING = (
    "Name a log, or pipe one in: `docker compose logs | stackctl explain -`, `stackctl logs | stackctl explain -`, or "
    "`journalctl -u docker | stackctl explain -`."
)


@main.command(examples=("stackctl explain kobold.log", "docker compose logs | stackctl explain -"))
@click.argument("what", metavar="FILE|-|ISSUE", required=False, shell_complete=candidates.explained)
@option.json
@click.pass_context
def explain(ctx: click.Context, what: str | None, as_json: bool) -> None:
    """Say what a log means: the cause, and what to do.

    It knows the logs of KoboldCpp, text-generation-webui, llama.cpp, SillyTavern, Docker Compose and the engine; a FILE
    of any of them, or `-` for what is piped in. What it does not know it calls so. Of an ISSUE, as errors name them, it
    prints the page. Nothing is sent anywhere.
    """
    from stackctl.commands.explain import explain_word
    from stackctl.report.explain import explained

    if what in {None, "-"} and sys.stdin.isatty():
        raise click.UsageError(_NOTHING, ctx)
    machine = machine_of(ctx, as_json=as_json)
    machine.ui.result(*explained(explain_word(machine, what or "-")))
