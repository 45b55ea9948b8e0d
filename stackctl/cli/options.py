"""The options that several commands share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path

import click

from stackctl.ui import PROGRESS, PROGRESS_HELP, Progress

# what the settings that have an option are called in stack.toml
KEYS = {
    "model": "model.path", "backend": "backend.kind", "url": "backend.url", "context": "backend.context",
    "gpu_layers": "backend.gpu_layers", "kv_cache": "backend.kv_cache", "template": "sillytavern.template",
    "gpu": "gpu.mode", "port": "sillytavern.port", "name": "name", "images": "images",
    "expose": "sillytavern.expose",
}  # fmt: skip


class Names(click.Choice[str]):
    """One of the names that `look` returns. It is called where they are needed: what knows them takes time to load."""

    def __init__(self, look: Callable[[], Iterable[str]]) -> None:  # not super's, which wants them at once
        self.case_sensitive, self._look = True, look

    @cached_property
    def choices(self) -> tuple[str, ...]:  # type: ignore[override] # it is read alone
        return tuple(self._look())


def _own_kinds() -> tuple[str, ...]:
    from stackctl import backends

    return backends.names()


def _kv_types() -> tuple[str, ...]:
    from stackctl import backends

    return backends.kv_types()


def _estimated_kv_types() -> Iterable[str]:
    from stackctl.core.fit import KV_TYPES

    return KV_TYPES


def _gpu_modes() -> Iterable[str]:
    from stackctl import gpus

    return gpus.MODES


OWN_KINDS = Names(_own_kinds)  # those that a stack can run itself
KINDS = Names(lambda: (*_own_kinds(), "external"))
KV_TYPES = Names(_estimated_kv_types)
_KV_CACHES = Names(lambda: ("auto", *_kv_types()))
_GPU_MODES = Names(lambda: ("auto", *_gpu_modes(), "none"))


class _Number(click.ParamType[str | int]):
    """A whole number, or "auto"."""

    name = "number|auto"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> str | int:
        if value == "auto" or isinstance(value, int):
            return value
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a whole number nor auto", param, ctx)


class Lines(click.ParamType[str]):
    """A number of lines, or "all"."""

    name = "number|all"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value != "all" and not (value.isascii() and value.isdecimal()):
            self.fail(f"{value!r} is neither a number of lines nor all", param, ctx)
        return value


@dataclass(frozen=True, kw_only=True)
class ConfigFlags:
    """What the command line says over stack.toml; None: nothing."""

    model: str | None
    backend: str | None
    url: str | None
    context: str | int | None
    gpu_layers: str | int | None
    kv_cache: str | None
    template: str | None
    gpu: str | None
    port: str | int | None
    name: str | None
    images: str | None
    expose: str | None

    def changes(self, *, is_elsewhere: bool = False) -> dict[str, object]:
        """By the dotted keys of stack.toml, those alone that were given.

        `is_elsewhere`: for a stack in another folder than the one that the command line names.
        """
        changes: dict[str, object] = {key: getattr(self, name) for name, key in KEYS.items()}
        if self.url and self.backend is None:
            changes["backend.kind"] = "external"
        if self.model is not None:
            changes |= _model(self.model, is_elsewhere=is_elsewhere)
        return {key: value for key, value in changes.items() if value is not None}


def config_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that go over stack.toml, the same for every command that plans, which gets them as `flags`."""

    @click.option(
        "--model", metavar="MODEL", help='A file, a folder, "demo", or where to get it: hf:OWNER/NAME:Q4_K_M, a URL.'
    )
    @click.option("--backend", type=KINDS, help="Which backend.")
    @click.option("--url", help="Where an external backend runs; implies --backend external.")
    @click.option("--context", type=_Number(), help="Context size in tokens.")
    @click.option("--gpu-layers", type=_Number(), help="Layers on the GPU.")
    @click.option("--kv-cache", type=_KV_CACHES, help="Type of the KV cache.")
    @click.option(
        "--template", metavar="NAME", help='Prompt template, by SillyTavern\'s name; "none" leaves them alone.'
    )
    @click.option("--gpu", type=_GPU_MODES, help="How the GPU is passed.")
    @click.option("--port", type=_Number(), help="SillyTavern's port on this machine.")
    @click.option(
        "--expose", metavar="WHO", help="Who else may open it, with a password: none, lan, an address, an interface."
    )
    @click.option("--name", help="Name of the stack.")
    @click.option("--images", type=click.Choice(("auto", "official", "own")), help="Where images come from.")
    @wraps(command)
    def with_flags(
        *context_of_click: click.Context,
        model: str | None,
        backend: str | None,
        url: str | None,
        context: str | int | None,
        gpu_layers: str | int | None,
        kv_cache: str | None,
        template: str | None,
        gpu: str | None,
        port: str | int | None,
        name: str | None,
        images: str | None,
        expose: str | None,
        **others: object,
    ) -> None:
        flags = ConfigFlags(
            model=model,
            backend=backend,
            url=url,
            context=context,
            gpu_layers=gpu_layers,
            kv_cache=kv_cache,
            template=template,
            gpu=gpu,
            port=port,
            name=name,
            images=images,
            expose=expose,
        )
        command(*context_of_click, flags=flags, **others)

    return with_flags


def _model(wanted: str, *, is_elsewhere: bool) -> dict[str, object]:
    """What --model says: where the model lies, or where it comes from."""
    from stackctl.core.hub import source

    if source.parse(wanted):
        return {"model.path": "auto", "model.source": wanted}
    if wanted != "demo" and not Path(wanted).is_absolute() and not wanted.startswith("~"):
        # given relative to where the user stands; stack.toml's paths count from its own folder
        folder = click.get_current_context().obj[0]
        if is_elsewhere or folder.resolve() != Path.cwd():
            wanted = str(Path(wanted).absolute())
    return {"model.path": wanted, "model.source": ""}


replan = click.option("--replan", is_flag=True, help="Decide anew what stack.lock has recorded.")
timeout = click.option(
    "--timeout",
    "timeout_s",
    type=click.IntRange(1),
    help="Seconds to wait until ready [default: from the model's size].",
)
no_rollback = click.option(
    "--no-rollback", is_flag=True, help="Leave a failed change as it is, instead of going back to what ran before."
)
json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
yes = click.option("--yes", is_flag=True, help="Ask nothing.")


def _show_progress(ctx: click.Context, _: click.Parameter, value: Progress | None) -> None:
    if value:
        ctx.find_root().obj[1].show_progress(value)


# for each command that takes long, behind its name as before it
progress = click.option(
    "--progress", type=click.Choice(PROGRESS), expose_value=False, callback=_show_progress, help=PROGRESS_HELP
)
