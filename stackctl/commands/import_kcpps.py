"""`stackctl import`: a .kcpps file becomes an entry of stack.toml's [models]."""

import re
from dataclasses import dataclass
from pathlib import Path

from stackctl.core.config import kcpps, several_models
from stackctl.errors import ConfigError
from stackctl.machine import Machine
from stackctl.steps.config_request import load_config, write_config

_WINDOWS = re.compile(r"([A-Za-z]):[\\/](.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What was written into [models]."""

    name: str
    path: str
    settings: dict[str, object]
    not_imported: tuple[str, ...]


def import_kcpps(machine: Machine, file: Path, *, name: str | None, model: str | None) -> Entry:
    """Add the model of a .kcpps file to stack.toml. `model`: where it lies here, where the file says something else.

    Raises ConfigError and ModelError; nothing is written then.
    """
    text = machine.storage.folder(file.parent, machine.folder.owner).read(file.name)
    if text is None:
        raise ConfigError(f"there is no file {file}", hint="KoboldCpp's launcher saves one with Save Config")
    found = kcpps.parse(text, str(file))
    path = model or _here(machine, found.path, file.parent)
    machine.model(path)  # readable, whole, and a model
    with machine.folder.locked(machine.ui.note):
        written = load_config(machine, {}).written
        chosen = name or several_models.free_name(Path(path).stem, written.models)
        if chosen in written.models:
            raise ConfigError(
                f"stack.toml has a model {chosen!r} already",
                hint="choose another name: stackctl import FILE --name NAME",
            )
        values = {"path": path, **found.settings}
        write_config(machine, load_config(machine, {f"models.{chosen}.{key}": value for key, value in values.items()}))
    return Entry(name=chosen, path=path, settings=dict(found.settings), not_imported=found.not_imported)


def _here(machine: Machine, path: str, folder: Path) -> str:
    """The model's path on this machine: a Windows path as WSL mounts it, a relative one from the file's folder."""
    if drive := _WINDOWS.fullmatch(path):
        path = f"/mnt/{drive[1].lower()}/{drive[2]}".replace("\\", "/")
    return str(machine.storage.locate(path, folder).absolute())
