"""Why a model is proposed first, as the rest of a sentence."""

from collections.abc import Iterable

from stackctl.core.advice.ranking import ENGLISH, WHOLE, Least, place_of, worth_of
from stackctl.core.advice.suggestion import Purpose, Suggestion

_FOR = {"roleplay": "roleplay", "general": "general use"}


def reason(best: Suggestion, others: Iterable[Suggestion], floor: Least, *, purpose: Purpose, language: str) -> str:
    """Return why the best one comes before the others; of a model without a rank, by its size and its bits."""
    asked = (
        f"at least {floor.tokens_per_s:.0f} tokens/s in a long chat and has at least {floor.context} tokens of context"
    )
    if not floor.is_met(best):
        return f"nothing that fits writes {asked}; of what fits this is the fastest"
    if not best.rank:
        return f"it writes {asked}; of what does, it is the largest, in the quantisation that suits this memory"
    use = _FOR[purpose] if language == ENGLISH else f"{_FOR[purpose]} in {language}"
    ranked = f"ranked {best.rank:g} of 100 for {use}"
    better = max(others, key=lambda one: one.rank, default=best)
    if better.rank <= best.rank:
        return f"{ranked}, the best of what writes {asked}"
    if worth_of(better) < better.rank:
        return f"{ranked}; {better.name} ({better.rank:g}) would have fewer than 4 bits per weight"
    if place_of(best, floor) > place_of(better, floor):
        lies = "lies wholly on the GPU" if place_of(best, floor) == WHOLE else "writes fast"
        return f"{ranked} and {lies}; {better.name} ({better.rank:g}) does not"
    return ranked
