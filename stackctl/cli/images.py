"""Images, and the shell around us."""

from collections.abc import Iterable

import click

from stackctl.cli import options as option
from stackctl.cli.root import machine_of, main
from stackctl.ui import Ui


@main.group()
def images() -> None:
    """List or build the images."""


@images.command("list")
@option.config_options
@option.json
@click.pass_context
def images_list(ctx: click.Context, flags: option.ConfigFlags, as_json: bool) -> None:
    """Show which images the stack uses, and whether they are here."""
    from stackctl import report
    from stackctl.commands import images as command

    machine = machine_of(ctx, as_json=as_json)
    machine.ui.result(*report.images(command.images_here(machine, flags.changes()), machine.ui))


class _Ours(option.Names):
    """Our images, shown. Whether a name is one of them, the command itself says."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002 - click gives it
        return value


def _our_images() -> Iterable[str]:
    from stackctl.core.plan.images import OWN

    return OWN.values()


@images.command("build")
@click.argument("names", nargs=-1, type=_Ours(_our_images))
@option.json
@option.progress
@click.pass_context
def images_build(ctx: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Build our own images from distribution packages and npm (all of them without a name)."""
    from stackctl import report
    from stackctl.commands import images as command

    machine = machine_of(ctx, as_json=as_json)
    done = []
    for built in command.build(machine, names):
        machine.ui.note(f"built {built}")
        done.append(built)
    if as_json:
        machine.ui.result("", report.built(done))


@main.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the completion script for a SHELL: eval "$(stackctl completion bash)"."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    Ui().raw(kind(main, {}, "stackctl", "_STACKCTL_COMPLETE").source() + "\n")
