"""The menu of models for a machine: the best one, a faster one, and others of another flavour."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from stackctl.core.advice.suggestion import Suggestion

Role = Literal["best", "faster", "other"]
Difference = Literal["line", "refuses less", "thinks", "does not think", "language"]

_FASTER: Final = 1.5  # times the speed of the best one: less is hardly noticed
# parts of the best one's rank that others need: a model that is much worse is no choice
_LEAST_FASTER, _LEAST_OTHER = 0.6, 0.75
_MOST: Final = 3
_REFUSES: Final = {"no": 0, "little": 1, "some": 2, "yes": 3, "a lot": 4}  # how much
_UNKNOWN: Final = 4


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A line of the menu. differs: in what another flavour differs from the best one."""

    role: Role
    model: Suggestion
    differs: tuple[Difference, ...] = ()


def offers(ranked: Sequence[Suggestion]) -> tuple[Offer, ...]:
    """Return up to three offers of models that are ranked, the best first; () if there is none.

    A faster one is faster at the beginning of a chat and in a long one; without it there may be two of another flavour.
    Each is another model, and there are never three of one line, such as Gemma.
    """
    if not ranked:
        return ()
    best = ranked[0]
    found = [Offer(role="best", model=best)]
    others = [one for one in ranked if one.name != best.name]
    if faster := next((one for one in others if _is_faster(one, best)), None):
        found.append(Offer(role="faster", model=faster))
    while len(found) < _MOST and (other := _other(others, best, [offer.model for offer in found])):
        found.append(Offer(role="other", model=other, differs=_differences(other, best)))
    return tuple(found)


def _is_faster(one: Suggestion, than: Suggestion) -> bool:
    if one.rank < _LEAST_FASTER * than.rank:
        return False
    begins, then = one.choice.tokens_per_s / than.choice.tokens_per_s, one.tokens_per_s / than.tokens_per_s
    return min(begins, then) >= _FASTER


def _other(ranked: Iterable[Suggestion], best: Suggestion, taken: Sequence[Suggestion]) -> Suggestion | None:
    """Return the first one of a line that is not taken; else the first of another kind, unless its line has two."""
    names, lines = {one.name for one in taken}, [_line(one) for one in taken]
    able = [one for one in ranked if one.name not in names and one.rank >= _LEAST_OTHER * best.rank]
    strange = (one for one in able if _line(one) not in lines)
    related = (one for one in able if lines.count(_line(one)) < 2 and _differences(one, best))
    return next(strange, None) or next(related, None)


def _differences(one: Suggestion, best: Suggestion) -> tuple[Difference, ...]:
    found: list[Difference] = []
    if _line(one) != _line(best):
        found.append("line")
    if _REFUSES.get(one.refuses, _UNKNOWN) < _REFUSES.get(best.refuses, 0):
        found.append("refuses less")
    if best.thinking == "no" and one.thinking in {"optional", "yes"}:
        found.append("thinks")
    if best.thinking == "yes" and one.thinking in {"no", "optional"}:
        found.append("does not think")
    if one.languages[:1] != best.languages[:1]:
        found.append("language")
    return tuple(found)


def _line(one: Suggestion) -> str:
    """Return the name that all sizes and versions of a base model share: "gemma" of gemma-4-31b."""
    return (one.family or one.name).partition("-")[0].rstrip("0123456789.")
