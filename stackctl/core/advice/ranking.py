"""The order of the models that fit a machine: by rank for a purpose and a language, then by how they run."""

from collections.abc import Iterable, Iterator
from typing import Final

from stackctl.core.advice.catalogue import Catalogue, shape_of
from stackctl.core.advice.suggestion import Suggestion
from stackctl.core.fit import Reserves
from stackctl.core.fit.choice import CONTEXT, Room, Wanted, choose
from stackctl.core.hub.source import Source

SLOWEST: Final = 5.0  # tokens a second in a long chat; a slower model is no pleasure to use
_FEW_BITS: Final = 4.5
# a Japanese, Chinese or Korean character takes about one token, an English one a quarter
_DENSE_SCRIPTS: Final = frozenset({"ja", "zh", "ko"})


def context_for(language: str, wanted: int | None) -> int:
    """Return the tokens that a chat of usual length takes in a language."""
    return wanted or (CONTEXT * 2 if language in _DENSE_SCRIPTS else CONTEXT)


def suggestions(
    catalogue: Catalogue, reserves: Reserves, room: Room, *, language: str, context: int | None, wanted: Wanted
) -> tuple[Suggestion, ...]:
    """Return every quantisation of every model for that language that fits, the best first; () if none does."""
    return ranked(_offers(catalogue, reserves, room, language=language, context=context, wanted=wanted))


def ranked(found: Iterable[Suggestion]) -> tuple[Suggestion, ...]:
    """Return those that fit, the best first: fast enough, enough bits, large, little quantised."""
    fitting = [one for one in found if one.choice.fits]
    return tuple(
        sorted(
            fitting,
            key=lambda one: (
                one.choice.full_tokens_per_s >= SLOWEST,
                one.bits >= _FEW_BITS,
                # of those that are too slow, the fastest is the best
                one.billions if one.choice.full_tokens_per_s >= SLOWEST else one.choice.full_tokens_per_s,
                one.bits,
            ),
            reverse=True,
        )
    )


def _offers(
    catalogue: Catalogue, reserves: Reserves, room: Room, *, language: str, context: int | None, wanted: Wanted
) -> Iterator[Suggestion]:
    tokens = context_for(language, context)
    for entry in catalogue.entries:
        if language not in entry.languages or (context and context > entry.good):
            continue
        for label in entry.quants:
            shape = shape_of(entry, catalogue.bits[label])
            settings = Wanted(context=min(tokens, entry.good), slots=wanted.slots, device=wanted.device)
            choice = choose(shape, settings, reserves, room, has_alternatives=False)
            yield Suggestion(
                name=entry.name,
                source=Source(repo=entry.repo, quant=label),
                label=label,
                size=int(entry.billions * 1e9 * catalogue.bits[label] / 8),
                bits=catalogue.bits[label],
                context=choice.settings.context,
                choice=choice,
                licence=entry.licence,
                languages=entry.languages,
                template=entry.template,
                billions=entry.billions,
            )
