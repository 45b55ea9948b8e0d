"""The command that checks a stack."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackctl.cli import options as option
from stackctl.cli.root import machine_of, main
from stackctl.core.smoke.checks import CHECKS

if TYPE_CHECKING:
    from stackctl.commands.smoke.run import Options
    from stackctl.core.smoke.result import Smoked
    from stackctl.machine import Machine

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@main.command(
    listed=("Checks", lambda: [(check.name, check.says) for check in CHECKS]),
    examples=("stackctl smoke", "stackctl smoke --only reply", "stackctl smoke --up --model demo --junit smoke.xml"),
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice([check.name for check in CHECKS]),
    metavar="CHECK",
    help="Run this check alone; may be repeated.",
)
@click.option("--restart", is_flag=True, help="Also restart the backend, which interrupts chats.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.IntRange(1),
    metavar="SECONDS",
    help="How long the checks may take [default: 600]; with --up, the start may take as long again.",
)
@click.option("--up", is_flag=True, help="Start a new stack, check it, and remove it.")
@click.option("--at", type=_FOLDER, help="With --up: where to make its folder [default: a temporary one].")
@click.option("--keep", is_flag=True, help="With --up: keep the stack until the next run of its name.")
@click.option("--locked", type=_FILE, metavar="STACK.LOCK", help="With --up: refuse what differs from this stack.lock.")
@click.option("--trust-first-download", is_flag=True, help="With --up: as for `stackctl deploy`.")
@option.config_options
@click.option("--artefacts", type=_FOLDER, help="Copy logs and rendered files there if a check fails.")
@click.option("--junit", type=_FILE, help="Also write a JUnit report.")
@click.option("--summary", type=_FILE, help="Append a summary in Markdown, e.g. to $GITHUB_STEP_SUMMARY.")
@click.option("--annotate", is_flag=True, help="Also print failures as annotations for GitHub.")
@option.json
@click.pass_context
def smoke(
    ctx: click.Context,
    *,
    flags: option.ConfigFlags,
    only: tuple[str, ...],
    restart: bool,
    timeout_s: int | None,
    up: bool,
    at: Path | None,
    keep: bool,
    locked: Path | None,
    trust_first_download: bool,
    artefacts: Path | None,
    junit: Path | None,
    summary: Path | None,
    annotate: bool,
    as_json: bool,
) -> None:
    """Check a running stack from end to end.

    The checks run one after the other; the exit code is that of the first failure. With --up a new stack is made in a
    new folder, by the options of `stackctl deploy`, and removed afterwards. What a cancelled run of the same name left
    is removed first.
    """
    from stackctl import report
    from stackctl.commands.smoke import run
    from stackctl.commands.smoke.report import Reports
    from stackctl.commands.smoke.report import report as write_reports

    machine = machine_of(ctx, as_json=as_json)
    options = run.Options(only=only, restart=restart, timeout_s=timeout_s, artefacts=artefacts)
    if up:
        done = _up(machine, options, flags, at=at, keep=keep, locked=locked, trust_first_download=trust_first_download)
    else:
        _refuse_options_of_up(ctx)
        done = run.smoke(machine, options)
    for one in done.failed:
        if one.error:
            machine.ui.error(one.error, of=one.name)
    machine.ui.result(*report.smoked(done, machine.ui))
    write_reports(machine, done, Reports(junit=junit, summary=summary, annotate=annotate))
    ctx.exit(done.exit_code)


def _refuse_options_of_up(ctx: click.Context) -> None:
    of_up = {"at", "keep", "locked", "trust_first_download", "cpu", *option.KEYS}
    for one in ctx.command.params:
        if one.name in of_up and ctx.params[one.name]:
            raise click.UsageError(f"{one.opts[0]} needs --up.")


def _up(
    machine: "Machine",
    options: "Options",
    flags: option.ConfigFlags,
    *,
    at: Path | None,
    keep: bool,
    locked: Path | None,
    trust_first_download: bool,
) -> "Smoked":
    import tempfile

    from stackctl.commands.smoke.up import Up, smoke_up
    from stackctl.core.smoke import location as smoke_location

    changes = flags.changes(machine, is_elsewhere=True)
    locks = Path(tempfile.gettempdir(), f"{smoke_location.HOME}-{os.getuid()}")
    up = Up(
        home=at.absolute() / smoke_location.HOME if at else locks,
        locks=locks,
        name=str(flags.name or smoke_location.stack_name(os.environ.get("GITHUB_JOB", ""))),
        keep=keep,
        locked=locked.absolute() if locked else None,
        trust_first_download=trust_first_download,
    )
    return smoke_up(machine, changes, up, options)
