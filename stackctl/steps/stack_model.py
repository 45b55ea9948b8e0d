"""The path of a stack's model, and its download if stack.toml names its source."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from stackctl.core.config.lock import Decision, Lock
from stackctl.core.config.spec import AUTO, Model, OneModel, Spec
from stackctl.core.hub import source as sources
from stackctl.core.hub import store
from stackctl.core.model.model import ModelSeen
from stackctl.machine import Machine

if TYPE_CHECKING:
    from stackctl.steps.models.pull import Download


def model_path(model: Model | OneModel, machine: Machine, recorded: Mapping[str, Decision]) -> Path | None:
    """Return the model's file or folder on this machine; None for the demo model, or a source that was never asked."""
    if model.path != AUTO:
        return machine.storage.locate(model.path, machine.path)
    found = sources.parse(model.source)
    if found is None:
        return None
    if found.url or found.file.lower().endswith(".gguf"):  # any other name may be a folder's, whose file the hub tells
        return machine.storage.library.path(store.where(found))
    decision = recorded.get(store.key(model.source))
    return machine.storage.library.path(PurePosixPath(str(decision.value))) if decision else None


@dataclass(frozen=True, kw_only=True)
class PendingModel:
    """A model that has yet to be pulled: what its source offers, and the model as it will be here."""

    source: str  # as stack.toml has it
    offer: "Download"
    model: ModelSeen
    is_in_store: bool
    is_cached: bool = False  # another program has all of its large files

    @property
    def is_away(self) -> bool:
        """Whether it has to be downloaded; else it is taken from a cache, or its record in stack.lock is missing."""
        return not (self.offer.is_here or self.is_cached)


def pending_model(spec: Spec, machine: Machine, recorded: Lock) -> PendingModel | None:
    """Return the model, by its header, if it has a source and is not here; None if nothing has to be pulled."""
    model = spec.model
    where = model_path(model, machine, recorded.decisions)
    if spec.backend.is_external or not model.source or (where and where.exists()):
        return None
    from stackctl.steps.models.named_model import named_source
    from stackctl.steps.models.pull import cached, offered_download
    from stackctl.steps.models.remote import describe_remote

    to = where.parent if where and model.path != AUTO else None
    offer = offered_download(machine, named_source(machine, model.source), to)
    found = describe_remote(machine, offer)
    rate = f", about {_minutes(offer.size / found.bytes_per_s)} at the current rate" if found.bytes_per_s else ""
    is_cached = False
    if offer.is_here:
        machine.ui.note(f"{model.source} was pulled before: {offer.path}")
    elif is_cached := all(cached(machine, offer.source, one) for one in offer.files):
        machine.ui.note(f"{model.source} is in another program's cache, and is taken from there")
    else:
        machine.ui.note(f"{model.source} has to be downloaded: {found.model.size / 1e9:.2f} GB{rate}")
    return PendingModel(
        source=model.source, offer=offer, model=found.model, is_in_store=model.path == AUTO, is_cached=is_cached
    )


def download(coming: PendingModel, machine: Machine, recorded: Lock) -> Lock:
    """Pull the model; return the lock, which records the file that its source means."""
    from stackctl.steps.models.pull import pull

    is_away = coming.is_away
    done = pull(machine, coming.offer)
    if is_away:
        machine.ui.note(f"pulled {coming.source}: {done.size / 1e9:.2f} GB, checksum verified")
    if not coming.is_in_store:
        return recorded
    at = Decision(value=str(done.path.relative_to(machine.storage.library.folder)), inputs={})
    return replace(recorded, decisions={**recorded.decisions, store.key(coming.source): at})


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{max(1, round(seconds))} s"
