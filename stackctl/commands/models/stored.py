"""`stackctl models list`, `verify` and `remove`: the models that stackctl pulled."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stackctl.core.config import stack_toml
from stackctl.core.config.lock import Decision
from stackctl.core.config.lock import parse as parse_lock
from stackctl.core.config.spec import Model, OneModel
from stackctl.core.hub import pasted
from stackctl.core.hub.labels import label
from stackctl.core.hub.store import StoredModel
from stackctl.errors import ConfigError, DataError, EngineError, ModelError
from stackctl.machine import Machine


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One model of the store. `users`: names of stacks; None if no engine could be asked for them."""

    kept: StoredModel
    path: Path
    is_whole: bool  # every file exists and has its size
    users: tuple[str, ...] | None

    @property
    def name(self) -> str:
        """Return the name by which the other commands know it."""
        return str(self.kept.place)

    @property
    def quantisation(self) -> str:
        return "safetensors" if self.kept.is_folder else label(self.kept.place.name)


@dataclass(frozen=True, kw_only=True)
class Verified:
    """One model's files compared with its record. `wrong`: the names of files that are missing or differ."""

    name: str
    wrong: tuple[str, ...]


def stored_models(machine: Machine) -> tuple[Entry, ...]:
    """Return every model that was pulled, and which stacks use it."""
    users = _users(machine)
    return tuple(_entry(kept, machine, users) for kept in machine.storage.library.kept())


def verify(machine: Machine, names: tuple[str, ...]) -> tuple[Verified, ...]:
    """Read the files again and compare their sha256 with the record; names (): all models."""
    entries = stored_models(machine)
    chosen = tuple(_named(entries, name) for name in names) if names else entries
    return tuple(Verified(name=one.name, wrong=tuple(_wrong(one, machine))) for one in chosen)


def removable_model(machine: Machine, name: str, *, force: bool) -> Entry:
    """Return the model of that name; raise ConfigError if a stack uses it, unless forced."""
    entry = _named(stored_models(machine), name)
    if entry.users and not force:
        raise ConfigError(
            f"{entry.name} is used by: {', '.join(entry.users)}",
            hint="Choose another model there first, or remove it anyway with `--force`.",
        )
    return entry


def remove(machine: Machine, entry: Entry) -> int:
    """Delete the model; return the bytes that are free again: not those of a file that another program has, too."""
    root = machine.storage.library.path(entry.kept.root)
    found = [(root / file.name).stat() for file in entry.kept.files if (root / file.name).is_file()]
    machine.storage.library.remove(entry.kept)
    return sum(one.st_size for one in found if one.st_nlink == 1)


def _entry(kept: StoredModel, machine: Machine, users: dict[Path, tuple[str, ...]] | None) -> Entry:
    path = machine.storage.library.path(kept.place)
    root = machine.storage.library.path(kept.root)
    is_whole = all((root / f.name).is_file() and (root / f.name).stat().st_size == f.size for f in kept.files)
    using = None if users is None else users.get(path, ())
    return Entry(kept=kept, path=path, is_whole=is_whole, users=using)


def _named(entries: tuple[Entry, ...], name: str) -> Entry:
    source = pasted.likely_source(name) or name
    found = [
        one
        for one in entries
        if name in {one.name, one.kept.place.name, str(one.path)} or one.kept.source in {name, source}
    ]
    if len(found) == 1:
        return found[0]
    known = ", ".join(one.name for one in found or entries) or "none"
    says = f"{name} matches several models" if found else f"no model {name} was pulled"
    raise ModelError(says, hint=f"See `stackctl models list` for the models: {known}.")


def _wrong(entry: Entry, machine: Machine) -> Iterator[str]:
    root = machine.storage.library.path(entry.kept.root)
    for file in entry.kept.files:
        path = root / file.name

        def progress(done: int, *, name: str = file.name, size: int = file.size) -> None:
            text = f"{name}: {done / 1e9:.2f} of {size / 1e9:.2f} GB read"
            machine.ui.progress(text, done_bytes=done, total_bytes=size)

        if (
            not path.is_file()
            or path.stat().st_size != file.size
            or machine.storage.library.digest(path, progress) != file.sha256
        ):
            yield file.name


def _users(machine: Machine) -> dict[Path, tuple[str, ...]] | None:
    """Return a model's path -> the stacks whose stack.toml names it; None if no engine could be asked."""
    found: dict[Path, tuple[str, ...]] = {}
    try:
        known = set(machine.docker.stack_folders())
    except EngineError:
        return None
    here = str(machine.path)
    if here not in {folder for _, folder in known}:  # this folder's stack is not on the engine yet
        known.add((here, here))
    for name, folder in sorted(known):
        try:
            named = tuple(_paths(machine, Path(folder)))
        except DataError as error:
            machine.ui.warn(f"it is unknown which models the stack {name} uses: {error.message}")
            continue
        for path in named:
            found[path] = (*found.get(path, ()), name)
    return {path: tuple(dict.fromkeys(names)) for path, names in found.items()}


def _paths(machine: Machine, folder: Path) -> Iterator[Path]:
    """Give the models that the stack of a folder names; none for a folder without a stack.

    Raises DataError for a folder that this user may not read.
    """
    from stackctl.steps.stack_model import model_path

    here = machine.storage.folder(folder)
    try:
        text, recorded = here.read(stack_toml.FILE), here.read("stack.lock")
        spec = stack_toml.parse(text) if text else None
        decisions: dict[str, Decision] = dict(parse_lock(recorded).decisions) if recorded else {}
    except ConfigError:
        return
    entries: tuple[Model | OneModel, ...] = (spec.model, *spec.models.values()) if spec else ()
    for entry in entries:
        if path := model_path(entry, machine.at(folder), decisions):
            yield path
