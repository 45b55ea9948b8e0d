"""Commands for images: list them, build our own."""

from collections.abc import Iterable

import click

from stackctl.cli import options as option
from stackctl.cli.root import machine_of, main


@main.group(examples=("stackctl images list",))
def images() -> None:
    """List the stack's images, or build our own."""


@images.command("list", examples=("stackctl images list",))
@option.config_options
@option.json
@click.pass_context
def images_list(ctx: click.Context, flags: option.ConfigFlags, as_json: bool) -> None:
    """List the stack's images, and which of them are here."""
    from stackctl import report
    from stackctl.commands import images as command

    machine = machine_of(ctx, as_json=as_json)
    machine.ui.result(*report.images(command.images_here(machine, flags.changes(machine)), machine.ui))


class _Ours(option.Names):
    """The names of our images. The command itself refuses others."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002 - click gives it
        return value


def _our_images() -> Iterable[str]:
    from stackctl.core.plan.images import OWN

    return OWN.values()


def _our_tags() -> Iterable[tuple[str, str]]:
    from stackctl.core.plan.images import OWN

    return ((short, tag) for tag, short in OWN.items())


@images.command(
    "build",
    listed=("Images", _our_tags),
    examples=("stackctl images build", "stackctl images build sillytavern"),
)
@click.argument("names", nargs=-1, type=_Ours(_our_images), metavar="[IMAGE]...")
@option.json
@click.pass_context
def images_build(ctx: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Build our own images from packages and npm.

    Without IMAGE, all of them are built.
    """
    from stackctl import report
    from stackctl.commands import images as command

    machine = machine_of(ctx, as_json=as_json)
    done = []
    for built in command.build(machine, names):
        machine.ui.note(f"built {built}")
        done.append(built)
    if as_json:
        machine.ui.result("", report.built(done))
