"""`stackctl models fit`."""

from typing import Literal

import click

from stackctl.cli import candidates
from stackctl.cli import options as option
from stackctl.cli.models import machine_options
from stackctl.cli.models.group import models
from stackctl.cli.root import machine_of


class _Layers(click.ParamType[int | Literal["all", "auto"]]):
    """A number of layers, "all" or "auto"."""

    name = "number|all|auto"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | Literal["all", "auto"]:
        if isinstance(value, int):
            return value
        if value in {"all", "auto"}:
            return "all" if value == "all" else "auto"
        if not (value.isascii() and value.isdecimal()):
            self.fail(f"{value!r} is not a number of layers; write a number, all or auto", param, ctx)
        return int(value)


@models.command(
    examples=(
        "stackctl models fit model.gguf --context 16384",
        "stackctl models fit hf:OWNER/NAME --gpu-memory 24576",
    )
)
@click.argument("model", metavar="MODEL")
@option.own_backend
@machine_options.context
@click.option(
    "--kv-cache",
    "kv_type",
    cls=option.OneOf,
    type=option.KV_TYPES,
    metavar="TYPE",
    help="Type of the KV cache [default: f16].",
)
@click.option(
    "--gpu-layers",
    type=_Layers(),
    shell_complete=candidates.layers,
    default="auto",
    help="Layers on the GPU, the output layer included; auto: as many as fit.",
)
@click.option(
    "--batch", type=click.IntRange(1, 16384), metavar="TOKENS", help="Prompt tokens processed at a time (micro-batch)."
)
@click.option(
    "--parallel",
    type=click.IntRange(1, 256),
    default=1,
    metavar="NUMBER",
    help="Requests at a time, each with its cache [default: 1, as a stack has].",
)
@click.option("--no-flash-attention", is_flag=True, help="Compute without flash attention.")
@machine_options.gpu_memory
@machine_options.gpu_reserve
@machine_options.ram
@machine_options.device
@option.json
@click.pass_context
def fit(
    ctx: click.Context,
    *,
    model: str,
    backend: str,
    context: int | None,
    kv_type: str | None,
    gpu_layers: int | Literal["all", "auto"],
    batch: int | None,
    parallel: int,
    no_flash_attention: bool,
    gpu_memory_mib: tuple[int, ...],
    gpu_reserve_mib: int | None,
    ram_mib: int | None,
    device: Literal["cuda", "rocm", "vulkan", "cpu"] | None,
    as_json: bool,
) -> None:
    """Compute the memory that MODEL needs, and what is free.

    MODEL is a file, hf:OWNER/NAME:Q4_K_M, hf:OWNER/NAME/FILE or a URL; only its header is read. hf:OWNER/NAME lists all
    quantisations of a repository. For a folder of safetensors, --backend text-generation-webui gives an estimate.
    """
    from stackctl.commands.models import fit as command
    from stackctl.report.fit import fitted, listed
    from stackctl.steps.build_here import device_of, reserve_here, spec_here

    machine = machine_of(ctx, as_json=as_json)
    how = command.Asked(
        backend=backend,
        context=context,
        kv_type=kv_type,
        gpu_layers=gpu_layers,
        batch=batch,
        parallel=parallel,
        flash_attention=not no_flash_attention,
        gpu_memory_mib=gpu_memory_mib,
        gpu_reserve_mib=reserve_here(machine) if gpu_reserve_mib is None else gpu_reserve_mib,
        ram_mib=ram_mib,
        device=device or device_of(spec_here(machine)),
    )
    if rows := command.quantisations_of(machine, model, how):
        machine.ui.result(*listed(rows, machine.ui))
    else:
        machine.ui.result(*fitted(command.fit(machine, model, how), machine.ui))
