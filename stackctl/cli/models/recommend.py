"""`stackctl models recommend`."""

import os
from pathlib import Path
from typing import Literal

import click

from stackctl.cli import options as option
from stackctl.cli.models import machine_options
from stackctl.cli.models.group import models
from stackctl.cli.models.offered import can_ask, choose
from stackctl.cli.root import machine_of


def reader(environment: "os._Environ[str]" = os.environ) -> str:
    """The user's language by the locale, as two letters."""
    name = next((value for key in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environment.get(key))), "")
    code = name.partition("_")[0].partition(".")[0].lower()
    return code if len(code) == 2 and code.isalpha() else "en"


@models.command(
    examples=(
        "stackctl models recommend",
        "stackctl models recommend --purpose general --language ja",
        "stackctl models recommend --folder ~/models",
        "stackctl models recommend --gpu-memory 24576 --ram 65536",
    )
)
@click.option(
    "--purpose",
    type=click.Choice(("roleplay", "general")),
    default="roleplay",
    show_default=True,
    help="What the chats are for.",
)
@click.option("--repo", default="", metavar="hf:OWNER/NAME", help="Choose among the quantisations of a repository.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Choose among the files of a folder.",
)
@click.option("--language", metavar="CODE", help="Language of the chats, e.g. ja [default: the locale's].")
@machine_options.context
@machine_options.gpu_memory
@machine_options.gpu_reserve
@machine_options.ram
@machine_options.device
@option.backend_here
@option.json
@click.pass_context
def recommend(
    ctx: click.Context,
    *,
    purpose: Literal["roleplay", "general"],
    repo: str,
    folder: Path | None,
    language: str | None,
    context: int | None,
    gpu_memory_mib: tuple[int, ...],
    gpu_reserve_mib: int | None,
    ram_mib: int | None,
    device: Literal["cuda", "rocm", "vulkan", "cpu"] | None,
    backend: str | None,
    as_json: bool,
) -> None:
    """Name the best models for this machine.

    Models are ranked for the purpose and the language. The best one writes fast enough in the memory that is free now,
    or in that of another machine by --gpu-memory and --ram, and is loaded by the backend. On a terminal it is a menu:
    in a folder without a stack, a key deploys that model.
    """
    from stackctl.commands.models.recommend import Asked
    from stackctl.commands.models.recommend import recommend as run
    from stackctl.report.recommend import recommended
    from stackctl.steps.build_here import device_of, reserve_here, spec_here

    if repo and folder:
        raise click.UsageError("--repo and --folder exclude each other: leave out one.")
    machine = machine_of(ctx, as_json=as_json)
    spec = spec_here(machine)
    kind = "llamacpp" if spec.backend.is_external else spec.backend.kind
    asked = Asked(
        purpose=purpose,
        language=language or reader(),
        context=context,
        backend=backend or kind,
        folder=folder,
        repo=repo,
        has_gpu=device != "cpu" and (bool(gpu_memory_mib or device) or spec.gpu.mode != "none"),
        device=device or device_of(spec),
        gpu_memory_mib=gpu_memory_mib,
        gpu_reserve_mib=reserve_here(machine) if gpu_reserve_mib is None else gpu_reserve_mib,
        ram_mib=ram_mib,
    )
    done = run(machine, asked)
    if done.date and done.is_here and device is None and can_ask(machine.ui):
        options = (("--backend", backend) if backend else (), ("--context", str(context)) if context else ())
        choose(ctx, machine, done, [word for words in options for word in words])
    else:
        machine.ui.result(*recommended(done, machine.ui))
