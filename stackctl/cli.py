"""The command line: help, one call per command, and the only place where errors become exit codes."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackctl import __version__
from stackctl import cli_options as option
from stackctl.errors import StackctlError
from stackctl.ui import Ui

if TYPE_CHECKING:
    from stackctl.machine import Machine

INTERRUPTED = 130


class Cli(click.Group):
    """Shows an expected failure once, with its own exit code; a bug stays a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except StackctlError as error:
            _ui(ctx).error(error.message, hint=error.hint, evidence=error.evidence)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            _ui(ctx).error("interrupted", hint="nothing is half-written; `stackctl status` shows what runs")
            ctx.exit(INTERRUPTED)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - in the order of a stack's life
        return list(self.commands)


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "-C",
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="The deployment's folder [default: this one].",
)
@click.option("-v", "--verbose", is_flag=True, help="Show every command that is run.")
@click.version_option(__version__, message="stackctl %(version)s")
@click.pass_context
def main(ctx: click.Context, folder: Path, verbose: bool) -> None:
    """From a box with a GPU to a private chat that works.

    `stackctl deploy` renders a Docker Compose stack of SillyTavern and an LLM backend, starts it, waits until the
    loaded model answers, and proves it by a reply through SillyTavern.
    """
    ctx.obj = (folder, Ui(verbose=verbose))


def _ui(ctx: click.Context) -> Ui:
    """The one that has been talking, so that an error ends its status line; a fresh one before there was any."""
    return ctx.obj[1] if ctx.obj else Ui()


def _machine(ctx: click.Context, *, as_json: bool = False) -> "Machine":
    from stackctl.machine import real

    folder, ui = ctx.obj
    ui.as_json = as_json
    return real(folder, ui)


@main.command()
@option.wishes
@click.option("--dry-run", is_flag=True, help="Show what would be written and run; change nothing.")
@option.replan
@option.timeout
@click.option("--no-proof", is_flag=True, help="Leave out the reply through SillyTavern.")
@click.option(
    "--trust-first-download", is_flag=True, help="Accept a program whose checksum is not known, and record it."
)
@option.json
@click.pass_context
def deploy(
    ctx: click.Context,
    /,
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

    machine = _machine(ctx, as_json=as_json)
    options = Options(
        dry_run=dry_run,
        replan=replan,
        timeout_s=timeout_s,
        prove=not no_proof,
        trust_first_download=trust_first_download,
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

    machine = _machine(ctx)
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

    machine = _machine(ctx, as_json=as_json)
    machine.ui.result(*commands_text.difference(run(machine, option.flags(wishes), replan=replan)))


@main.command()
@option.json
@click.option("--watch", is_flag=True, help="Show it again at each change, until Ctrl-C.")
@click.pass_context
def status(ctx: click.Context, as_json: bool, watch: bool) -> None:
    """Show what of the stack runs, and how well. Exit code 7 unless all of it is ready."""
    from stackctl import commands_text
    from stackctl.commands import status as command
    from stackctl.errors import NotReady

    machine = _machine(ctx, as_json=as_json)
    if watch:
        for now in command.watched(machine):
            machine.ui.result(*commands_text.status(now, machine.ui))
        return
    now = command.status(machine)
    machine.ui.result(*commands_text.status(now, machine.ui))
    ctx.exit(0 if now.is_ready else NotReady.exit_code)


@main.command()
@click.argument("service", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on showing what is added.")
@click.option("--tail", "lines", default="200", help="How many lines from the end [default: 200; all].")
@click.pass_context
def logs(ctx: click.Context, service: str | None, follow: bool, lines: str) -> None:
    """Show the logs of the stack, or of one SERVICE."""
    from stackctl.commands import lifecycle

    ctx.exit(lifecycle.logs(_machine(ctx), service, follow=follow, lines=lines))


@main.command()
@click.argument("service", required=False)
@click.pass_context
def stop(ctx: click.Context, service: str | None) -> None:
    """Stop the stack or one SERVICE: memory and GPU are free then, data stays."""
    from stackctl.commands import lifecycle

    machine = _machine(ctx)
    done = lifecycle.stop(machine, service)
    machine.ui.note(f"stopped {service or done.name}; `stackctl start` goes on")


@main.command()
@click.argument("service", required=False)
@option.timeout
@click.pass_context
def start(ctx: click.Context, service: str | None, timeout_s: int | None) -> None:
    """Start what was stopped, unchanged, and wait until it is ready."""
    from stackctl.commands import lifecycle

    machine = _machine(ctx)
    done = lifecycle.start(machine, service, again=False, timeout_s=timeout_s)
    machine.ui.result(f"ready: {done.url}", {"url": done.url, "ready_s": done.ready_s})


@main.command()
@click.argument("service", required=False)
@option.timeout
@click.pass_context
def restart(ctx: click.Context, service: str | None, timeout_s: int | None) -> None:
    """Restart the stack or one SERVICE, and wait until it is ready."""
    from stackctl.commands import lifecycle

    machine = _machine(ctx)
    done = lifecycle.start(machine, service, again=True, timeout_s=timeout_s)
    machine.ui.result(f"ready: {done.url}", {"url": done.url, "ready_s": done.ready_s})


@main.command()
@click.option("--volumes", is_flag=True, help="Remove named volumes, too (only an override file makes any).")
@option.yes
@click.pass_context
def down(ctx: click.Context, volumes: bool, yes: bool) -> None:
    """Remove the stack's containers and networks. Chats, settings and models stay."""
    from stackctl.commands import lifecycle

    if volumes and not yes:
        click.confirm("Named volumes of this stack are deleted with all that is in them. Go on?", abort=True, err=True)
    machine = _machine(ctx)
    done = lifecycle.down(machine, volumes=volumes)
    machine.ui.note(f"{done.name} is down; the folder is as it was, `stackctl deploy` brings it back")


@main.command()
@option.wishes
@click.pass_context
def init(ctx: click.Context, /, **wishes: object) -> None:
    """Write stack.toml, every key explained, and a .gitignore."""
    from stackctl.commands.init import init as run

    run(_machine(ctx), option.flags(wishes))


@main.command()
def schema() -> None:
    """Print the JSON schema of stack.toml, for editors."""
    import json

    from stackctl.core import spec

    Ui().raw(json.dumps(spec.schema(), indent=2) + "\n")


@main.group()
def images() -> None:
    """List or build the images."""


@images.command("list")
@option.wishes
@option.json
@click.pass_context
def images_list(ctx: click.Context, /, as_json: bool, **wishes: object) -> None:
    """Show which images the stack uses, and whether they are here."""
    from stackctl import commands_text
    from stackctl.commands import images as command

    machine = _machine(ctx, as_json=as_json)
    machine.ui.result(*commands_text.images(command.listed(machine, option.flags(wishes)), machine.ui))


@images.command("build")
@click.argument("names", nargs=-1, metavar="[base|llamacpp|sillytavern|stackctl]...")
@click.pass_context
def images_build(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Build our own images from distribution packages and npm (all of them without a name)."""
    from stackctl.commands import images as command

    machine = _machine(ctx)
    for built in command.build(machine, names):
        machine.ui.note(f"built {built}")


@main.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the completion script for a SHELL: eval "$(stackctl completion bash)"."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    Ui().raw(kind(main, {}, "stackctl", "_STACKCTL_COMPLETE").source() + "\n")


if __name__ == "__main__":
    sys.exit(main())
