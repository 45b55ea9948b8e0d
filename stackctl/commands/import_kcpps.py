"""`stackctl import`: a .kcpps file becomes an entry of stack.toml's [models]."""

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stackctl.core.config import kcpps, several_models
from stackctl.core.config.kcpps import Imported
from stackctl.core.config.spec import OneModel, Spec
from stackctl.core.hub import source as sources
from stackctl.errors import ConfigError, ModelError
from stackctl.machine import Machine
from stackctl.steps.config_request import load_config, write_config
from stackctl.steps.models.named_model import named_model
from stackctl.terminal import command_line

_WINDOWS = re.compile(r"([A-Za-z]):[\\/](.*)", re.DOTALL)
_SHARE = re.compile(r"[\\/]{2}[^\\/]+[\\/].*", re.DOTALL)
_MODELS = frozenset({".gguf", ".safetensors", ".ggml"})


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry of [models]. `is_new`: False if it existed already, with the same model and settings."""

    name: str
    path: str  # "" where `source` says where the model can be had
    source: str
    settings: dict[str, object]
    not_imported: tuple[str, ...]
    is_new: bool


def import_kcpps(machine: Machine, file: Path, *, name: str | None, model: str | None) -> Entry:
    """Add the model of a .kcpps file to stack.toml. `model`: its path here, if the file names another one.

    Raises ConfigError or ModelError, and writes nothing then.
    """
    found = kcpps.parse(_text(machine, file), str(file), needs_model=model is None)
    where = _where(machine, file, found, model)
    values = {**where, **found.settings}
    with machine.folder.locked(machine.ui.note):
        written = load_config(machine, {}).written
        chosen = name or _twin(values, written) or several_models.free_name(_stem(where), written.models)
        is_new = not _is_same(values, written.models.get(chosen))
        if is_new and chosen in written.models:
            raise ConfigError(
                f"stack.toml already has another model {chosen!r}",
                hint="Choose another name: `stackctl import FILE --name NAME`.",
            )
        if is_new:
            wanted = {f"models.{chosen}.{key}": value for key, value in values.items()}
            write_config(machine, load_config(machine, wanted))
    return Entry(
        name=chosen,
        path=where.get("path", ""),
        source=where.get("source", ""),
        settings=dict(found.settings),
        not_imported=found.not_imported,
        is_new=is_new,
    )


def _text(machine: Machine, file: Path) -> str:
    if file.suffix.lower() in _MODELS:
        raise ConfigError(
            f"{file} is a model, not KoboldCpp's settings",
            hint=f"Run it: `{command_line('stackctl', 'deploy', '--model', file)}`.",
        )
    raw = machine.storage.folder(file.parent, machine.folder.owner).read_bytes(file.name)
    if raw is None:
        raise ConfigError(
            f"there is no file {file}",
            hint="Save one with Save Config in KoboldCpp's launcher.",
            issue="settings-wrong",
        )
    return raw.decode(json.detect_encoding(raw), "replace")  # PowerShell writes UTF-16


def _twin(values: dict[str, object], written: Spec) -> str | None:
    """Return the name of an entry with the same values; None if there is none."""
    return next((name for name, entry in written.models.items() if _is_same(values, entry)), None)


def _is_same(values: dict[str, object], entry: OneModel | None) -> bool:
    """Return whether an entry has exactly these values."""
    return entry is not None and entry.model_dump() == OneModel.model_validate(values).model_dump()


def _stem(where: dict[str, str]) -> str:
    """Return the name from which an entry's name is made: the model's file, or the repository."""
    named = where.get("path") or where["source"].partition("?")[0]
    return PurePosixPath(named).stem


def _where(machine: Machine, file: Path, found: Imported, model: str | None) -> dict[str, str]:
    """Return the model's source, or its path on this machine. `model`: what the user named instead of the file's."""
    if model is not None:
        model = named_model(machine, model)
        if source := sources.parse(model):
            return {"source": str(source)}
        machine.model(model)
        return {"path": model}
    return {"source": found.source} if found.source else {"path": _here(machine, file, found)}


def _here(machine: Machine, file: Path, found: Imported) -> str:
    """Return the model's path on this machine; raise ModelError unless it is a readable, complete model.

    A Windows path is read as WSL mounts it, a relative one from the file's folder.
    """
    elsewhere = f"Or name its path: `{command_line('stackctl', 'import', file, '--model', 'PATH')}`."
    if _SHARE.fullmatch(found.path):
        raise ModelError(
            f"the model is on a Windows share, {found.path}",
            hint=f"Mount that share here. {elsewhere}",
            issue="model-on-network-share",
        )
    path = found.path
    if drive := _WINDOWS.fullmatch(path):
        path = f"/mnt/{drive[1].lower()}/{drive[2]}".replace("\\", "/")
    path = str(machine.storage.locate(path, file.parent).absolute())
    try:
        machine.model(path)
    except ModelError as e:
        raise ModelError(e.message, hint=f"{e.hint}\n{elsewhere}", evidence=e.evidence, issue=e.issue) from e
    return path
