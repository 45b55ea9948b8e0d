"""The options that say for which machine a model is meant, and with how much context."""

import click

_LEAST_MIB = 128  # no model that chats takes less


class _Size(click.ParamType[int]):
    """A size in MiB."""

    name = "mib"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if not (value.isascii() and value.isdecimal() and 0 < len(value) < 10 and int(value)):
            self.fail(f"{value!r} is not a size in MiB; write e.g. 24576", param, ctx)
        if int(value) < _LEAST_MIB:  # the user meant GiB
            self.fail(f"{value} MiB hold no model; for {value} GiB write {int(value) * 1024}", param, ctx)
        return int(value)


class _Sizes(click.ParamType[tuple[int, ...]]):
    """Sizes in MiB, one per GPU; 0 for a machine without one."""

    name = "mib[,mib...]"

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        if value == "0":
            return (0,)
        return tuple(_Size().convert(word, param, ctx) for word in value.split(","))


context = click.option("--context", type=click.IntRange(256, 4194304), metavar="TOKENS", help="Context size in tokens.")
device = click.option(
    "--device", type=click.Choice(("cuda", "rocm", "vulkan", "cpu")), help="What computes [default: what is found]."
)
gpu_memory = click.option(
    "--gpu-memory",
    "gpu_memory_mib",
    type=_Sizes(),
    default=(),
    help="Free MiB of each GPU, also of one that is not here; 0 for none [default: as measured].",
)
gpu_reserve = click.option(
    "--gpu-reserve",
    "gpu_reserve_mib",
    type=click.IntRange(0, 1 << 20),
    metavar="MIB",
    help="MiB of each GPU that stay free, for the desktop or another program [default: this stack's, else 512].",
)
ram = click.option(
    "--ram",
    "ram_mib",
    type=_Size(),
    metavar="MIB",
    help="Free MiB of RAM, also of another machine [default: as measured].",
)
