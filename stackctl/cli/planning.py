"""Commands that plan: deploy, and what shows or writes what it would do."""

import os

import click

from stackctl.cli import options as option
from stackctl.cli.door import machine_of, main
from stackctl.ui import Ui


@main.command()
@option.wishes
@click.option("--dry-run", is_flag=True, help="Show what would be written and run; change nothing.")
@option.replan
@option.timeout
@click.option("--no-proof", is_flag=True, help="Leave out the reply through SillyTavern.")
@click.option(
    "--trust-first-download", is_flag=True, help="Accept a program whose checksum is not known, and record it."
)
@click.option("--force", is_flag=True, help="Start even a model that does not fit into memory.")
@option.json
@click.pass_context
def deploy(
    ctx: click.Context,
    /,
    force: bool,
    dry_run: bool,
    replan: bool,
    timeout_s: int | None,
    no_proof: bool,
    trust_first_download: bool,
    as_json: bool,
    **wishes: object,
) -> None:
    """Render, start, and wait until SillyTavern can talk to its backend.

    Options that name a setting are written into stack.toml. In an empty folder it is made; without --model it is the
    built-in demo model, which knows one sentence.
    """
    from stackctl import commands_text
    from stackctl.commands.deploy import Options
    from stackctl.commands.deploy import deploy as run

    machine = machine_of(ctx, as_json=as_json)
    options = Options(
        dry_run=dry_run,
        replan=replan,
        timeout_s=timeout_s,
        prove=not no_proof,
        trust_first_download=trust_first_download,
        force=force,
    )
    done = run(machine, option.flags(wishes), options)
    machine.ui.result(*commands_text.deployed(done, os.environ.get("SSH_CONNECTION", "")))


@main.command()
@option.wishes
@click.option("--stdout", "to_stdout", is_flag=True, help="Print the file; write nothing.")
@click.option(
    "--paths",
    type=click.Choice(("relative", "absolute")),
    default="relative",
    help="How paths below the folder are written; absolute for Portainer.",
)
@option.replan
@click.pass_context
def render(ctx: click.Context, /, to_stdout: bool, paths: str, replan: bool, **wishes: object) -> None:
    """Write compose.yml, without an engine."""
    from stackctl.commands.render import render as run

    machine = machine_of(ctx)
    text = run(machine, option.flags(wishes), to_stdout=to_stdout, absolute=paths == "absolute", replan=replan)
    if to_stdout:
        machine.ui.raw(text)


@main.command()
@option.wishes
@option.replan
@option.json
@click.pass_context
def diff(ctx: click.Context, /, replan: bool, as_json: bool, **wishes: object) -> None:
    """Show what a deploy would change, and which containers it would recreate."""
    from stackctl import commands_text
    from stackctl.commands.diff import diff as run

    machine = machine_of(ctx, as_json=as_json)
    machine.ui.result(*commands_text.difference(run(machine, option.flags(wishes), replan=replan)))


@main.command()
@option.wishes
@click.pass_context
def init(ctx: click.Context, /, **wishes: object) -> None:
    """Write stack.toml, every key explained, and a .gitignore."""
    from stackctl.commands.init import init as run

    run(machine_of(ctx), option.flags(wishes))


@main.command()
def schema() -> None:
    """Print the JSON schema of stack.toml, for editors."""
    import json

    from stackctl.core import stack_toml

    Ui().raw(json.dumps(stack_toml.schema(), indent=2) + "\n")
