"""Every quantisation of a repository, as it would run here: sizes from its listing, the rest from one header."""

from collections.abc import Iterator
from dataclasses import replace

from stackctl import backends
from stackctl.commands.models.pull import Offer
from stackctl.commands.models.remote import described
from stackctl.core import repository, store
from stackctl.core.catalogue import Suggestion, context_for
from stackctl.core.choice import Room, Wanted, choose
from stackctl.core.fit.shape import scaled
from stackctl.core.repository import Quantisation
from stackctl.core.source import Source
from stackctl.errors import ModelError
from stackctl.machine import Machine


def forms(
    machine: Machine, source: Source, *, backend: str, context: int | None, language: str, free: Room
) -> tuple[Suggestion, ...]:
    """A row per quantisation, the smallest first; raises ModelError where the repository has no GGUF.

    The header of the smallest one is read; the others have the same shape, and weights in proportion to their size.
    """
    repo = machine.hub.repository(source)
    offered = [one for one in repository.quantisations(repo) if not one.is_folder]
    if not offered:
        raise ModelError(
            f"{repo.name} has no GGUF, of which alone it is known what fits",
            hint=f"its page lists GGUFs of it under Quantizations: https://huggingface.co/{repo.name}",
        )
    small = offered[0]
    root = machine.library.path(store.where(Source(repo=source.repo, revision=source.revision)))
    shape = described(machine, Offer(source=source, files=small.files, root=root)).model.shape
    if shape is None or not shape.parameters:
        raise ModelError(f"{small.files[0].name} has no tensors", hint="look for another GGUF of the model")
    wanted = Wanted(
        context=min(context_for(language, context), shape.trained_context or 1 << 22),
        slots=1,
        device="cuda" if free.gpus_mib else "cpu",
    )
    reserves = backends.named(backend).MEMORY

    def rows() -> Iterator[Suggestion]:
        for one in offered:
            choice = choose(scaled(shape, one.size / small.size), wanted, reserves, free)
            yield Suggestion(
                name=repo.name,
                source=_source(source, one),
                label=one.label,
                size=one.size,
                bits=8 * one.size / shape.parameters,
                context=choice.settings.context,
                choice=choice,
                licence=repo.licence,
                languages=repo.languages,
                billions=shape.parameters / 1e9,
            )

    return tuple(rows())


def _source(source: Source, one: Quantisation) -> Source:
    """The quantisation by its name, or by its file where the name says nothing."""
    is_named = one.label != one.files[0].name.rpartition("/")[2]
    return replace(source, quant=one.label) if is_named else replace(source, file=one.files[0].name)
