"""The verdict about a repository that a search found, by its listing and at most one header."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from stackctl.core.advice.can_load import BackendBuild
from stackctl.core.advice.hits import Judged, candidates, header_of, too_large
from stackctl.core.advice.ranking import WHOLE, Least, is_roomy, place_of, ranked
from stackctl.core.advice.suggestion import Suggestion
from stackctl.core.catalogue.entry import Catalogue
from stackctl.core.catalogue.known import entry_of
from stackctl.core.fit import Shape
from stackctl.core.fit.choice import Room, Wanted, choose
from stackctl.core.hub import repository, store
from stackctl.core.hub.repository import Quantisation, Repo, by_model, source_of
from stackctl.core.hub.search import Hit
from stackctl.core.hub.source import Source
from stackctl.core.model.ggml_types import elsewhere
from stackctl.core.model.model import Header, ModelSeen
from stackctl.core.model.not_chat import not_for_chat
from stackctl.core.model.shape import scaled
from stackctl.errors import ModelError, TooManyRequests
from stackctl.machine import Machine
from stackctl.steps.models.pull import Download
from stackctl.steps.models.quantisations import row
from stackctl.steps.models.remote import RemoteModel, describe_remote


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a hit is judged by: the memory, the build that has to load it, and how it is to run."""

    free: Room
    stack: BackendBuild
    floor: Least
    catalogue: Catalogue  # which knows up to how many tokens a model is good
    wanted: Callable[[Shape], Wanted]


def judge(machine: Machine, hit: Hit, terms: Terms) -> Judged:
    """Return the verdict about a hit; raise TooManyRequests if the hub takes no more of them.

    Nothing is printed: several are judged at a time.
    """
    hinted = Header(format="gguf", architecture=hit.architecture)
    # the hub may have read another file than the model's
    if hit.architecture and not not_for_chat(hit.architecture) and (lacks := terms.stack.lacks(hinted)):
        return _not_loadable(hit, terms, lacks)
    try:
        repo = machine.hub.repository(Source(repo=hit.name), waits=False)
        return _by_listing(machine, hit, repo, terms)
    except TooManyRequests:
        raise
    except ModelError as e:
        return Judged(hit=hit, verdict="gated" if hit.is_gated else "unreadable", why_not=e.message)


def _by_listing(machine: Machine, hit: Hit, repo: Repo, terms: Terms) -> Judged:
    ggufs = [one for one in repository.quantisations(repo) if not one.is_folder]
    model = _model(hit, repo, ggufs, terms)
    if isinstance(model, Judged):
        return model
    read = header_of(model, terms.free)
    if read is None:
        parts = f"each file is in {len(model[0].files)} parts or more, whose headers are not read"
        return Judged(hit=hit, verdict="not_judged", why_not=parts)
    source = Source(repo=repo.name)
    root = machine.storage.library.path(store.where(source))
    found = describe_remote(machine, Download(source=source, files=read.files, root=root))
    if refused := _refusal(hit, found.model, terms):
        return refused
    if lacks := terms.stack.lacks(found.model.header):  # its tensors have a type that this quantisation alone has
        model = [one for one in model if one is not read]
        if not model:
            return _not_loadable(hit, terms, lacks)
    rows: list[Suggestion] = []
    for one in candidates(model):
        rows.append(_run(repo, source_of(source, one, ggufs), one, (found, read), terms))
        if _is_enough(rows[-1], terms):
            break
    if best := next(iter(ranked(rows, terms.floor)), None):
        return Judged(hit=hit, verdict="runs", best=best)
    least = rows[-1]
    more = f"{least.label}, its smallest file, takes {least.choice.missing_mib / 1024:.1f} GiB more than is free"
    return Judged(hit=hit, verdict="too_large", why_not=more)


def _model(hit: Hit, repo: Repo, ggufs: list[Quantisation], terms: Terms) -> list[Quantisation] | Judged:
    """Return the complete quantisations of the model that has the most; or the verdict, if the listing tells it."""
    if not ggufs:
        return Judged(hit=hit, verdict="no_gguf", why_not=f"it has no GGUF of a model{repository.why_none(repo)}")
    known = [one for one in ggufs if not elsewhere(one.label)]
    if not known:
        return _not_loadable(hit, terms, f"quantisations such as {ggufs[0].label}")
    whole = [one for one in known if not one.missing]
    if not whole:
        return Judged(hit=hit, verdict="incomplete", why_not=f"it lacks {known[0].missing[0]}")
    model = by_model(whole)[0]
    if why := too_large(min(model, key=lambda one: one.size), terms.free):
        return Judged(hit=hit, verdict="too_large", why_not=why)
    return model


def _refusal(hit: Hit, model: ModelSeen, terms: Terms) -> Judged | None:
    """Return the verdict about a model that runs on no machine by this build; None if it may run."""
    if model.header.purpose:
        return Judged(hit=hit, verdict="not_chat", why_not=model.header.purpose)
    if lacks := terms.stack.lacks(replace(model.header, types=())):
        return _not_loadable(hit, terms, lacks)
    if model.shape is None or not model.shape.parameters:
        return Judged(hit=hit, verdict="unreadable", why_not=f"{model.name} has no tensors")
    return None


def _run(
    repo: Repo, source: Source, one: Quantisation, known: tuple[RemoteModel, Quantisation], terms: Terms
) -> Suggestion:
    """Return how a quantisation runs. known: the one whose header was read, of which the others have the shape."""
    found, read = known
    shape, entry = found.model.shape, entry_of(terms.catalogue, found.model.header, repo.name)
    assert shape  # noqa: S101 - _refusal() has checked it
    headers = sum(part.header_size for part in found.parts)
    same = scaled(shape, max(0, one.size - headers) / max(1, read.size - headers))
    wanted = replace(terms.wanted(same), usable=entry.good if entry else None)
    choice = choose(same, wanted, terms.stack.reserves, terms.free, has_alternatives=False)
    return row(repo, source, one, choice, shape, same)


def _is_enough(one: Suggestion, terms: Terms) -> bool:
    """Return whether a smaller file is no better: this one lies wholly on the GPU, with much context."""
    return one.choice.fits and terms.floor.is_met(one) and place_of(one, terms.floor) == WHOLE and is_roomy(one)


def _not_loadable(hit: Hit, terms: Terms, lacks: str) -> Judged:
    build = f"{terms.stack.backend.TITLE} {terms.stack.build}".rstrip()
    return Judged(hit=hit, verdict="not_loadable", why_not=f"{build} does not know {lacks}")
