"""The options that several commands share."""

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


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


def wishes(command: F) -> F:
    """The options that go over stack.toml, the same for every command that plans."""
    options = (
        (
            "--model",
            "model.path",
            {"help": 'A file, a folder, "demo", or where to get it: hf:OWNER/NAME:Q4_K_M, a URL.', "metavar": "MODEL"},
        ),
        ("--backend", "backend.kind", {"help": "Which backend.", "type": KINDS}),
        ("--url", "backend.url", {"help": "Where an external backend runs; implies --backend external."}),
        ("--context", "backend.context", {"help": "Context size in tokens.", "type": _Number()}),
        ("--gpu-layers", "backend.gpu_layers", {"help": "Layers on the GPU.", "type": _Number()}),
        (
            "--kv-cache",
            "backend.kv_cache",
            {"help": "Type of the KV cache.", "type": _KV_CACHES},
        ),
        (
            "--template",
            "sillytavern.template",
            {"help": 'Prompt template, by SillyTavern\'s name; "none" leaves them alone.', "metavar": "NAME"},
        ),
        (
            "--gpu",
            "gpu.mode",
            {"help": "How the GPU is passed.", "type": _GPU_MODES},
        ),
        ("--port", "sillytavern.port", {"help": "SillyTavern's port on this machine.", "type": _Number()}),
        ("--name", "name", {"help": "Name of the stack."}),
        ("--images", "images", {"help": "Where images come from.", "type": click.Choice(("auto", "official", "own"))}),
    )
    for flag, key, settings in reversed(options):
        command = click.option(flag, key.replace(".", "__"), default=None, **settings)(command)
    return command


def flags(given: dict[str, object], *, is_elsewhere: bool = False) -> dict[str, object]:
    """The options of `wishes` as they were given, by the dotted keys of stack.toml.

    `is_elsewhere`: for a stack in another folder than the one that the command line names.
    """
    flags = {key.replace("__", "."): value for key, value in given.items()}
    if flags.get("backend.url") and flags.get("backend.kind") is None:
        flags["backend.kind"] = "external"
    model = flags.get("model.path")
    return {**flags, **_model(model, is_elsewhere=is_elsewhere)} if isinstance(model, str) else flags


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
json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
yes = click.option("--yes", is_flag=True, help="Ask nothing.")
