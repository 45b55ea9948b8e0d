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
    """The entry that was written into [models]."""

    name: str
    path: str
    settings: dict[str, object]
    left: tuple[str, ...]


def import_kcpps(machine: Machine, file: Path, *, name: str | None, model: str | None) -> Entry:
    """Add the model of a .kcpps file to stack.toml. `model`: its path here, if the file names another one.

    Raises ConfigError or ModelError, and writes nothing then.
    """
    text = machine.storage.folder(file.parent, machine.folder.owner).read(file.name)
    if text is None:
        raise ConfigError(f"there is no file {file}", hint="Save one with Save Config in KoboldCpp's launcher.")
    found = kcpps.parse(text, str(file))
    path = model or _here(machine, found.path, file.parent)
    machine.model(path)  # raises an error unless it is a readable, complete model
    with machine.folder.locked(machine.ui.note):
        written = load_config(machine, {}).written
        chosen = name or several_models.free_name(Path(path).stem, written.models)
        if chosen in written.models:
            raise ConfigError(
                f"stack.toml already has a model {chosen!r}",
                hint="Choose another name: `stackctl import FILE --name NAME`.",
            )
        values = {"path": path, **found.settings}
        write_config(machine, load_config(machine, {f"models.{chosen}.{key}": value for key, value in values.items()}))
    return Entry(name=chosen, path=path, settings=dict(found.settings), left=found.left)


def _here(machine: Machine, path: str, folder: Path) -> str:
    """Return the model's path here: a Windows path as WSL mounts it, a relative one from the file's folder."""
    if drive := _WINDOWS.fullmatch(path):
        path = f"/mnt/{drive[1].lower()}/{drive[2]}".replace("\\", "/")
    return str(machine.storage.locate(path, folder).absolute())
