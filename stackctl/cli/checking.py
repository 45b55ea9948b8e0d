"""The command that checks a stack."""

from pathlib import Path

import click

from stackctl.cli import options as option
from stackctl.cli.door import machine_of, main
from stackctl.core.smoke import CHECKS

_FILE = click.Path(path_type=Path, dir_okay=False)
_CHECKS = "\n".join(f"{check.name:<11}{check.says}" for check in CHECKS)


@main.command(
    help=f"""Check a running stack against its plan, one thing after the other; the exit code is the failure's.

    \b
    {_CHECKS.replace(chr(10), chr(10) + "    ")}
    """
)
@click.option(
    "--only", multiple=True, type=click.Choice([check.name for check in CHECKS]), help="This check alone; repeatable."
)
@click.option("--restart", is_flag=True, help="Restart the backend, too, which interrupts whoever chats.")
@click.option("--timeout", "timeout_s", type=click.IntRange(1), help="Seconds for all checks together [default: 600].")
@click.option("--junit", type=_FILE, help="Write a JUnit report, too.")
@click.option("--summary", type=_FILE, help="Append a summary in Markdown, such as to $GITHUB_STEP_SUMMARY.")
@click.option("--annotate", is_flag=True, help="Print failures as GitHub's annotations, too.")
@option.json
@click.pass_context
def smoke(
    ctx: click.Context,
    /,
    only: tuple[str, ...],
    restart: bool,
    timeout_s: int | None,
    junit: Path | None,
    summary: Path | None,
    annotate: bool,
    as_json: bool,
) -> None:
    from stackctl import commands_text
    from stackctl.commands.smoke.report import Reports, report
    from stackctl.commands.smoke.run import Options
    from stackctl.commands.smoke.run import smoke as run

    machine = machine_of(ctx, as_json=as_json)
    done = run(machine, Options(only=only, restart=restart, timeout_s=timeout_s))
    for one in done.failed:
        if one.error:
            machine.ui.error(f"{one.name}: {one.says}", hint=one.error.hint, evidence=one.error.evidence)
    machine.ui.result(*commands_text.smoked(done, machine.ui))
    report(machine, done, Reports(junit=junit, summary=summary, annotate=annotate))
    ctx.exit(done.exit_code)
