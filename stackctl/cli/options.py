"""The options that several commands share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stackctl.cli import candidates
from stackctl.cli.session import session_of

if TYPE_CHECKING:
    from stackctl.machine import Machine

_F = TypeVar("_F", bound=Callable[..., object])
# what the settings that have an option are called in stack.toml
KEYS = {
    "model": "model.path", "backend": "backend.kind", "url": "backend.url", "context": "backend.context",
    "gpu_layers": "backend.gpu_layers", "kv_cache": "backend.kv_cache",
    "idle_unload": "backend.idle_unload", "template": "sillytavern.template",
    "gpu": "gpu.mode", "gpus": "gpu.devices", "port": "sillytavern.port", "name": "name", "images": "images",
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


class OneOf(click.Option):
    """An option whose values stand in its help, where a line may break between them."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        found = super().get_help_record(ctx)
        if found is None or not isinstance(self.type, click.Choice):
            return found
        text, is_default, default = found[1].rstrip(".").partition(" [default")
        return found[0], f"{text}: {', '.join(self.type.choices)}{f'{is_default}{default}'}."


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
            self.fail(f"{value!r} is not a whole number; write a number or auto", param, ctx)


class _Several(click.ParamType[tuple[str, ...]]):
    """Words between commas."""

    name = "list"

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        del param, ctx
        return value if isinstance(value, tuple) else tuple(one.strip() for one in value.split(","))


class Lines(click.ParamType[str]):
    """A number of lines, or "all"."""

    name = "number|all"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value != "all" and not (value.isascii() and value.isdecimal()):
            self.fail(f"{value!r} is not a number of lines; write a number or all", param, ctx)
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
    idle_unload: str | None
    template: str | None
    gpu: str | None
    gpus: tuple[str, ...] | None
    port: str | int | None
    name: str | None
    images: str | None
    expose: str | None

    def changes(self, machine: "Machine", *, is_elsewhere: bool = False) -> dict[str, object]:
        """By the dotted keys of stack.toml, those alone that were given.

        `is_elsewhere`: for a stack in another folder than the one that the command line names.
        """
        changes: dict[str, object] = {key: getattr(self, name) for name, key in KEYS.items()}
        if self.url and self.backend is None:
            changes["backend.kind"] = "external"
        if self.model is not None:
            changes |= _model(machine, self.model, is_elsewhere=is_elsewhere)
        return {key: value for key, value in changes.items() if value is not None}


def _completed(name: str, complete: candidates.Complete, metavar: str, says: str) -> Callable[[_F], _F]:
    return click.option(name, metavar=metavar, shell_complete=complete, help=says)


def config_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that go over stack.toml, the same for every command that plans, which gets them as `flags`."""

    @_completed(
        "--model", candidates.model, "MODEL", 'The model: a file, a folder, "demo", hf:OWNER/NAME:Q4_K_M or a URL.'
    )
    @click.option("--backend", cls=OneOf, type=KINDS, metavar="NAME", help="The program that runs the model.")
    @click.option("--url", metavar="URL", help="The address of a backend elsewhere; implies --backend external.")
    @click.option("--context", type=_Number(), shell_complete=candidates.automatic, help="Context size in tokens.")
    @click.option("--gpu-layers", type=_Number(), shell_complete=candidates.automatic, help="Layers on the GPU.")
    @click.option("--kv-cache", type=_KV_CACHES, help="Type of the KV cache.")
    @click.option(
        "--idle-unload",
        metavar="TIME",
        help='Unload the model after a time without messages, such as "20 min"; or off.',
    )
    @_completed(
        "--template", candidates.templates, "NAME", 'Prompt template by its name in SillyTavern; "none" changes none.'
    )
    @click.option(
        "--gpu", cls=OneOf, type=_GPU_MODES, metavar="MODE", help="How the backend gets the GPU, or none for the CPU."
    )
    @click.option("--cpu", is_flag=True, help="Run the backend on the CPU; the same as --gpu none.")
    @click.option(
        "--gpus",
        type=_Several(),
        metavar="LIST",
        help="Which GPUs: all, 0,1, GPU-5f1c..., free, count:2 or not-display.",
    )
    @click.option(
        "--port", type=_Number(), shell_complete=candidates.automatic, help="SillyTavern's port on this machine."
    )
    @_completed(
        "--expose",
        candidates.exposures,
        "WHO",
        "Who else may open it, by a password: none, lan, an address or an interface.",
    )
    @click.option("--name", metavar="NAME", help="The stack's name.")
    @click.option("--images", type=click.Choice(("auto", "official", "own")), help="Which images the stack runs.")
    @wraps(command)
    def with_flags(*context_of_click: click.Context, cpu: bool, **given: Any) -> None:
        if cpu and given["gpu"] not in {None, "none"}:
            raise click.UsageError(f"--cpu and --gpu {given['gpu']} exclude each other.")
        given["gpu"] = "none" if cpu else given["gpu"]
        flags = ConfigFlags(**{name: given.pop(name) for name in KEYS})
        command(*context_of_click, flags=flags, **given)

    return with_flags


def _model(machine: "Machine", wanted: str, *, is_elsewhere: bool) -> dict[str, object]:
    """What --model says: where the model lies, or where it comes from."""
    from stackctl.core.hub import source
    from stackctl.steps.models.named_model import named_model

    wanted = named_model(machine, wanted, Path.cwd())
    if source.parse(wanted):
        return {"model.path": "auto", "model.source": wanted}
    if wanted != "demo" and not Path(wanted).is_absolute() and not wanted.startswith("~"):
        # given relative to where the user stands; stack.toml's paths count from its own folder
        folder = session_of(click.get_current_context()).stack_folder
        if is_elsewhere or folder.resolve() != Path.cwd():
            wanted = str(Path(wanted).absolute())
    return {"model.path": wanted, "model.source": ""}


own_backend = click.option(
    "--backend",
    cls=OneOf,
    type=OWN_KINDS,
    default="llamacpp",
    metavar="NAME",
    help="The program that runs the model [default: llamacpp].",
)
backend_here = click.option(
    "--backend",
    cls=OneOf,
    type=OWN_KINDS,
    metavar="NAME",
    help="The program that runs the model [default: this stack's, else llamacpp].",
)
service = click.argument("service", required=False, shell_complete=candidates.services)
replan = click.option("--replan", is_flag=True, help="Decide again what stack.lock records, but for the images.")
new_images = click.option("--new-images", is_flag=True, help="Take the images that a new stack would get.")
timeout = click.option(
    "--timeout",
    "timeout_s",
    type=click.IntRange(1),
    metavar="SECONDS",
    help="How long to wait until it is ready [default: by the model's size].",
)
no_rollback = click.option(
    "--no-rollback", is_flag=True, help="Keep a change that failed; do not go back to what ran before."
)
no_proof = click.option("--no-proof", is_flag=True, help="Skip the test reply through SillyTavern.")
gpu_mode = click.option(
    "--gpu", "mode", cls=OneOf, type=_GPU_MODES, metavar="MODE", help="How a container gets the GPU."
)
json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
yes = click.option("-y", "--yes", is_flag=True, help="Ask nothing: every answer is yes.")
