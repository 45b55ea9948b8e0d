"""`stackctl models update`."""

import click

from stackctl.cli import options as option
from stackctl.cli.models.group import models
from stackctl.cli.root import machine_of


@models.command(
    examples=(
        "stackctl models update",
        "stackctl models update --url URL --key catalogue.pub",
    )
)
@click.option(
    "--url",
    default="",
    metavar="URL",
    help="Address of the catalogue; its signature is read from URL.sig [default: STACKCTL_CATALOGUE_URL].",
)
@click.option(
    "--key",
    default="",
    metavar="FILE|TEXT",
    help="Ed25519 public key of whoever signs it, as PEM or base64 [default: STACKCTL_CATALOGUE_KEY].",
)
@option.json
@click.pass_context
def update(ctx: click.Context, url: str, key: str, as_json: bool) -> None:
    """Fetch a newer catalogue of models.

    It changes what is recommended, and no stack. Without a right signature the catalogue in use stays. stackctl itself
    has no address and no key of the project yet, so both must be given.
    """
    from stackctl.commands.models.update import update as command
    from stackctl.report.update import updated

    machine = machine_of(ctx, as_json=as_json)
    machine.ui.result(*updated(command(machine, url=url, key=key)))
