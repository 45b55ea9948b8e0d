"""Every quantisation of a repository, as it would run here: sizes from the listing, the rest from one header."""

from collections.abc import Callable
from dataclasses import replace

from stackctl.core.advice.can_load import BackendBuild
from stackctl.core.advice.suggestion import Suggestion
from stackctl.core.fit import Shape
from stackctl.core.fit.choice import Choice, Room, Wanted, choose
from stackctl.core.hub import repository, store
from stackctl.core.hub.repository import Quantisation, Repo, source_of
from stackctl.core.hub.source import Source
from stackctl.core.model.ggml_types import elsewhere
from stackctl.core.model.not_chat import refuse_for_chat
from stackctl.core.model.shape import scaled
from stackctl.errors import ModelError
from stackctl.machine import Machine
from stackctl.steps.models.known_model import with_catalogue
from stackctl.steps.models.pull import Download
from stackctl.steps.models.remote import describe_remote

_MOST = 4  # models of one repository that are compared; a header is read for each
_SHOWN = 12  # names in a note


def quantisations(
    machine: Machine,
    source: Source,
    wanted: Callable[[Shape], Wanted],
    free: Room,
    stack: BackendBuild,
) -> tuple[Suggestion, ...]:
    """Return a row per quantisation, the smallest first, or that of the one which the source names.

    Raise ModelError if the repository has no GGUF of a model, or not the one that is named.

    One header is read for each model; its other quantisations have the same shape, and weights in proportion to their
    size. Notes name what is not compared: other models, those that lack a part, and what the stack would not load.
    """
    repo = machine.hub.repository(source)
    is_named = bool(source.quant or source.file)
    offered = (repository.choose_quantisation(repo, source),) if is_named else repository.quantisations(repo)
    ggufs = [one for one in offered if not one.is_folder]
    if not ggufs:
        raise ModelError(
            f"{repo.name} has no GGUF of a model{repository.why_none(repo)}; what fits can only be computed for GGUF",
            hint=f"Look for a GGUF of it under Quantizations on its page: https://huggingface.co/{repo.name}",
            issue="model-missing",
        )
    whole = [one for one in _of_known_types(ggufs, machine) if not one.missing]
    if not whole:
        repository.refuse_incomplete(repo, ggufs[0])
    models = repository.by_model(whole)
    _note_the_rest(machine, source, ggufs, models)
    rows: list[Suggestion] = []
    for model in models[:_MOST]:
        try:
            shape, headers, read, good = _shape(machine, source, model, stack)
        except ModelError as e:
            if len(models) == 1:
                raise
            machine.ui.note(f"not compared: {e.message}")
            continue
        for one in model:
            same = scaled(shape, max(0, one.size - headers) / max(1, read.size - headers))
            settings = replace(wanted(same), usable=good or None)
            choice = choose(same, settings, stack.reserves, free, has_alternatives=False)
            rows.append(row(repo, source_of(source, one, ggufs), one, choice, shape, same))
    if not rows:
        raise ModelError(
            f"{repo.name} has no GGUF of a chat model that stackctl can read",
            hint=f"Look for another GGUF under Quantizations on its page: https://huggingface.co/{repo.name}",
            issue="model-no-chat",
        )
    return tuple(sorted(rows, key=lambda one: (one.size, one.label, one.form)))


def _shape(
    machine: Machine, source: Source, model: list[Quantisation], stack: BackendBuild
) -> tuple[Shape, int, Quantisation, int]:
    """Return a model's shape, the bytes of its headers, the quantisation whose headers were read, and the context.

    That is as far as the catalogue calls the model good; 0 if it does not know it.
    Raise ModelError for one that is not a chat model, or that the stack would not load in any quantisation.
    """
    read = min(model, key=lambda one: (len(one.files), one.size))
    root = machine.storage.library.path(store.where(Source(repo=source.repo, revision=source.revision)))
    found = describe_remote(machine, Download(source=source, files=read.files, root=root))
    refuse_for_chat(found.model.name, found.model.header.purpose)
    stack.refuse(replace(found.model.header, types=()), found.model.name)
    shape = found.model.shape
    if shape is None or not shape.parameters:
        raise ModelError(
            f"{read.files[0].name} has no tensors", hint="Look for another GGUF of the model.", issue="model-damaged"
        )
    good = with_catalogue(found.model, str(source), machine).good_context
    return shape, sum(part.header_size for part in found.parts), read, good


def _of_known_types(ggufs: list[Quantisation], machine: Machine) -> list[Quantisation]:
    """Return the quantisations without those whose label is a type that llama.cpp does not have."""
    known = [one for one in ggufs if not elsewhere(one.label)]
    strange = ", ".join(one.label for one in ggufs if elsewhere(one.label))
    if not known:
        raise ModelError(
            f"no build known to stackctl loads these quantisations: {strange}",
            hint="Choose another repository of the same model, with quantisations such as Q4_K_M.",
            issue="model-too-new",
        )
    if strange:
        machine.ui.note(f"not compared: {strange}, which no build known to stackctl loads")
    return known


def row(repo: Repo, source: Source, one: Quantisation, choice: Choice, read: Shape, same: Shape) -> Suggestion:
    return Suggestion(
        name=repo.name,
        source=source,
        label=one.label,
        size=one.size,
        bits=8 * same.weights / read.parameters,
        context=choice.settings.context,
        choice=choice,
        licence=repo.licence,
        languages=repo.languages,
        billions=read.parameters / 1e9,
    )


def _note_the_rest(
    machine: Machine, source: Source, ggufs: list[Quantisation], models: list[list[Quantisation]]
) -> None:
    if others := [str(source_of(source, one, ggufs)) for model in models[_MOST:] for one in model]:
        machine.ui.note(f"this repository has other models, which are not compared: {', '.join(others[:_SHOWN])}")
    for one in ggufs:
        if one.missing:
            machine.ui.note(f"not compared: {source_of(source, one, ggufs)} lacks {', '.join(one.missing[:_SHOWN])}")
