"""Every quantisation of a repository, as it would run here: sizes from the listing, the rest from one header."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from stackctl.core.advice.can_load import NewStack
from stackctl.core.advice.catalogue import Suggestion
from stackctl.core.fit import Reserves, Shape
from stackctl.core.fit.choice import Room, Wanted, choose
from stackctl.core.hub import repository, store
from stackctl.core.hub.repository import Quantisation, model_name
from stackctl.core.hub.source import Source, can_name
from stackctl.core.model.ggml_types import elsewhere
from stackctl.core.model.shape import scaled
from stackctl.errors import ModelError
from stackctl.machine import Machine
from stackctl.steps.models.pull import Download
from stackctl.steps.models.remote import describe_remote


def quantisations(
    machine: Machine,
    source: Source,
    wanted: Callable[[Shape], Wanted],
    reserves: Reserves,
    free: Room,
    stack: NewStack,
) -> tuple[Suggestion, ...]:
    """Return a row per quantisation, the smallest first; raise ModelError if the repository has no GGUF that loads.

    One header is read; the other quantisations have the same shape, and weights in proportion to their size. If the
    repository has several models, the one with the most quantisations is compared, and a note names the others.
    """
    repo = machine.hub.repository(source)
    ggufs = [one for one in repository.quantisations(repo) if not one.is_folder]
    if not ggufs:
        raise ModelError(
            f"{repo.name} has no GGUF file, and what fits can only be computed for GGUF",
            hint=f"Look for a GGUF of it under Quantizations on its page: https://huggingface.co/{repo.name}",
        )
    ggufs = _of_known_types(ggufs, machine)
    meant = _model_of(ggufs)
    offered = [one for one in ggufs if _model(one) == meant]
    if others := [one.files[0].name for one in ggufs if one not in offered]:
        machine.ui.note(f"this repository has other models, which are not compared: {', '.join(others)}")
    read = min(offered, key=lambda one: (len(one.files), one.size))
    root = machine.storage.library.path(store.where(Source(repo=source.repo, revision=source.revision)))
    found = describe_remote(machine, Download(source=source, files=read.files, root=root))
    stack.refuse(replace(found.model.header, types=()), found.model.name)
    shape, headers = found.model.shape, sum(part.header_size for part in found.parts)
    if shape is None or not shape.parameters:
        raise ModelError(f"{read.files[0].name} has no tensors", hint="Look for another GGUF of the model.")
    labels = Counter(one.label for one in ggufs)

    def row(one: Quantisation) -> Suggestion:
        same = scaled(shape, max(0, one.size - headers) / max(1, read.size - headers))
        choice = choose(same, wanted(same), reserves, free)
        return Suggestion(
            name=repo.name,
            source=_source(source, one, is_named=labels[one.label] == 1),
            label=one.label,
            size=one.size,
            bits=8 * same.weights / shape.parameters,
            context=choice.settings.context,
            choice=choice,
            licence=repo.licence,
            languages=repo.languages,
            billions=shape.parameters / 1e9,
        )

    return tuple(row(one) for one in offered)


def _of_known_types(ggufs: list[Quantisation], machine: Machine) -> list[Quantisation]:
    """Return the quantisations without those whose label is a type that llama.cpp does not have."""
    known = [one for one in ggufs if not elsewhere(one.label)]
    if not known:
        raise ModelError(
            f"no build known to stackctl loads these quantisations: {', '.join(one.label for one in ggufs)}",
            hint="Choose another repository of the same model, with quantisations such as Q4_K_M.",
        )
    if strange := [one.label for one in ggufs if elsewhere(one.label)]:
        machine.ui.note(f"no build known to stackctl loads {', '.join(strange)}")
    return known


def _model(one: Quantisation) -> str:
    return model_name(one.files[0].name)


def _model_of(ggufs: list[Quantisation]) -> str:
    """Return the name of the model with the most quantisations."""
    return Counter(_model(one) for one in ggufs).most_common(1)[0][0]


def _source(source: Source, one: Quantisation, *, is_named: bool) -> Source:
    """Return the source of a quantisation by its label, or by its file if the label is missing or ambiguous."""
    first = one.files[0].name
    is_label = is_named and one.label != PurePosixPath(first).name and can_name(one.label)
    return replace(source, quant=one.label) if is_label else replace(source, file=first)
