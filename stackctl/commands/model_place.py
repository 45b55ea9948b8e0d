"""Where a stack's model is, and bringing it there where stack.toml names its source."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from stackctl.core import source as sources
from stackctl.core import store
from stackctl.core.lock import Decision, Lock
from stackctl.core.spec import AUTO, Model, OneModel
from stackctl.machine import Machine


def place(model: Model | OneModel, machine: Machine, recorded: Mapping[str, Decision]) -> Path | None:
    """The model's file or folder on this machine; None for the demo model, or a source that was never asked."""
    if model.path != AUTO:
        return machine.path / Path(model.path).expanduser()
    found = sources.parse(model.source)
    if found is None:
        return None
    if found.url or found.file:
        return machine.library.path(store.where(found))
    decision = recorded.get(store.key(model.source))
    return machine.library.path(PurePosixPath(str(decision.value))) if decision else None


def provide(model: Model, machine: Machine, recorded: Lock) -> Lock:
    """Pull a model that is not there and has a source; the returned lock knows which file it is."""
    where = place(model, machine, recorded.decisions)
    if not model.source or (where and where.exists()):
        return recorded
    from stackctl.commands.models.pull import offered, parsed, pull

    machine.ui.step("Fetching the model")
    to = where.parent if where and model.path != AUTO else None
    done = pull(machine, offered(machine, parsed(model.source), to))
    machine.ui.note(f"pulled {done.source}: {done.size / 1e9:.2f} GB")
    if model.path != AUTO:
        return recorded
    at = Decision(value=str(done.path.relative_to(machine.library.folder)), inputs={})
    return replace(recorded, decisions={**recorded.decisions, store.key(model.source): at})
