"""`stackctl models search`."""

from typing import Literal

import click

from stackctl.cli import options as option
from stackctl.cli.models import machine_options
from stackctl.cli.models.group import models
from stackctl.cli.root import machine_of


def _sorts() -> tuple[str, ...]:
    from stackctl.core.hub.search import SORTS

    return tuple(SORTS)


@models.command(
    examples=(
        "stackctl models search",
        "stackctl models search mistral small --fits",
        "stackctl models search 8b --sort likes --ram 32768",
    )
)
@click.argument("words", nargs=-1, metavar="[WORDS]...")
@click.option("--fits", "only_running", is_flag=True, help="Leave out what does not run on this machine.")
@click.option(
    "--sort",
    cls=option.OneOf,
    type=option.Names(_sorts),
    default="trending",
    metavar="ORDER",
    help="Order of the hits [default: trending].",
)
@click.option(
    "--limit", type=click.IntRange(1, 50), default=10, metavar="NUMBER", help="How many hits to judge [default: 10]."
)
@option.own_backend
@machine_options.context
@machine_options.gpu_memory
@machine_options.gpu_reserve
@machine_options.ram
@machine_options.device
@option.json
@click.pass_context
def search(
    ctx: click.Context,
    *,
    words: tuple[str, ...],
    only_running: bool,
    sort: str,
    limit: int,
    backend: str,
    context: int | None,
    gpu_memory_mib: tuple[int, ...],
    gpu_reserve_mib: int | None,
    ram_mib: int | None,
    device: Literal["cuda", "rocm", "vulkan", "cpu"] | None,
    as_json: bool,
) -> None:
    """Search Hugging Face for GGUF models, and say which run here.

    Without WORDS the hub's list of all models is taken. Each hit is judged by its listing and at most one header.
    stackctl has tried none of them: `stackctl models recommend` names those that it knows.
    """
    from stackctl.commands.models.fit import Asked
    from stackctl.commands.models.search import search as run
    from stackctl.core.hub.search import Query
    from stackctl.report.search import found
    from stackctl.steps.build_here import device_of, reserve_here, spec_here

    machine = machine_of(ctx, as_json=as_json)
    asked = Asked(
        backend=backend,
        context=context,
        gpu_memory_mib=gpu_memory_mib,
        gpu_reserve_mib=reserve_here(machine) if gpu_reserve_mib is None else gpu_reserve_mib,
        ram_mib=ram_mib,
        device=device or device_of(spec_here(machine)),
    )
    query = Query(words=" ".join(words), sort=sort, limit=limit)
    machine.ui.result(*found(run(machine, query, asked, only_running=only_running), machine.ui))
