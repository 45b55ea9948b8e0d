"""The order of models and of their quantisations on a machine, as an expert would put them.

Enough context and speed come first, then the rank for the purpose and the language. Ranks are judged from scores, so a
difference of few points is none: of such models, one that lies wholly on the GPU comes before one that is split, and
one that writes fast with its experts in RAM before a dense one that does not. Below four bits the answers get worse, so
such a file has to be of a clearly better model. More bits than those of Q6_K are not noticed: they come last.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from stackctl.core.advice.suggestion import Purpose, Suggestion
from stackctl.core.catalogue.entry import Entry
from stackctl.core.fit.choice import CONTEXT, Room
from stackctl.core.hub import labels

ENGLISH: Final = "en"
LEAST_ON_GPU, LEAST_ON_CPU = 10.0, 5.0  # tokens a second in a long chat
ALIKE: Final = 4.0  # points of a rank that are no difference
FEW_BITS, MOST_BITS = 4, 6  # as labels name them
FEW_BITS_COST: Final = 12.0  # points that a file below four bits costs, and as many for each bit that it lacks
_NOT_JUDGED: Final = 10.0  # points less for a use or a language for which a model was not ranked
_ROOMY: Final = 16384  # tokens: as much context is worth more than bits beyond four
_COMFORTABLE, _BRISK = 2.0, 4.0  # times the least speed
ENOUGH_BITS: Final = 4.8  # those of Q4_K_M: of what lies in RAM, each further one costs speed
WHOLE, FAST, SLOW = 2, 1, 0  # places, the better the higher


@dataclass(frozen=True, kw_only=True)
class Least:
    """What a suggestion has to reach before its rank counts."""

    context: int
    tokens_per_s: float

    def is_met(self, one: Suggestion) -> bool:
        """Return whether it has enough context and is fast enough; of few bits only where it is not split."""
        is_poor = one.lies == "split" and labels.bits(one.label) < FEW_BITS
        return one.context >= self.context and one.tokens_per_s >= self.tokens_per_s and not is_poor


def least(room: Room, context: int | None) -> Least:
    """Return what is asked of a suggestion on this machine. context: what the user wants, None for no wish."""
    return Least(context=context or CONTEXT, tokens_per_s=LEAST_ON_GPU if room.gpus_mib else LEAST_ON_CPU)


def rank(entry: Entry, purpose: Purpose, language: str) -> float:
    """Return the rank of a model for a purpose in a language, 0..100; 0.0 if it is not for it.

    A model whose first language is another one is not for English.
    """
    if language not in entry.languages or (language == ENGLISH and entry.languages[0] != ENGLISH):
        return 0.0
    if language in entry.rank:
        return max(0.0, entry.rank[language] - (0.0 if purpose in entry.uses else _NOT_JUDGED))
    if purpose not in entry.uses:
        return 0.0
    own = entry.rank[purpose] if purpose in entry.rank else max(entry.rank.values(), default=0.0) - _NOT_JUDGED
    return max(0.0, own - (0.0 if language == entry.languages[0] else _NOT_JUDGED))


def ranked(found: Iterable[Suggestion], floor: Least) -> tuple[Suggestion, ...]:
    """Return those that fit, the best first, where no rank tells which model is better: then the larger one is."""
    return tuple(sorted((one for one in found if one.choice.fits), key=lambda one: quality(one, floor), reverse=True))


def quality(one: Suggestion, floor: Least) -> tuple[float, ...]:
    """Return how good it is to run a model so, to be compared with the same of its other quantisations."""
    bits, has_context = labels.bits(one.label), one.context >= floor.context
    if not floor.is_met(one):
        return (has_context, False, bits >= FEW_BITS, one.tokens_per_s)
    place = place_of(one, floor)
    is_roomy_there = is_roomy(one) if place == WHOLE else True  # elsewhere it depends on what is left by chance
    has_speed = place == WHOLE or one.tokens_per_s >= _BRISK * floor.tokens_per_s
    best_bits = (min(one.bits, ENOUGH_BITS), one.bits if has_speed else -one.bits)
    return (has_context, True, bits >= FEW_BITS, one.billions, bits <= MOST_BITS, place, is_roomy_there, *best_bits)


def place_of(one: Suggestion, floor: Least) -> int:
    """Return how well it lies: wholly on the GPUs; elsewhere but fast, as with experts in RAM; elsewhere and slow."""
    if one.lies == "gpu":
        return WHOLE
    return FAST if one.tokens_per_s >= _COMFORTABLE * floor.tokens_per_s else SLOW


def is_roomy(one: Suggestion) -> bool:
    """Return whether it has the context that is worth more than further bits, or all that the model is good for."""
    return one.context >= min(_ROOMY, one.good or _ROOMY)


def in_order(found: Iterable[Suggestion], floor: Least) -> Iterator[Suggestion]:
    """Yield the best first: of those that are about as good as the best one left, the one that lies best."""
    every = list(found)
    left = [one for one in every if floor.is_met(one)]
    while left:
        top = max(map(worth_of, left))
        alike = [one for one in left if worth_of(one) >= top - ALIKE]
        best = max(alike, key=lambda one: (place_of(one, floor), worth_of(one), one.billions))
        yield best
        left.remove(best)
    rest = [one for one in every if not floor.is_met(one)]
    yield from sorted(rest, key=lambda one: (one.context >= floor.context, one.tokens_per_s), reverse=True)


def worth_of(one: Suggestion) -> float:
    """Return the rank, less what few bits cost."""
    if labels.bits(one.label) >= FEW_BITS:
        return one.rank
    return one.rank - FEW_BITS_COST * (1 + max(0.0, FEW_BITS - one.bits))
