"""The menu of models for a machine: the best one, a faster one, and one of another flavour."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from stackctl.core.advice.suggestion import Suggestion

Role = Literal["best", "faster", "other"]
Difference = Literal["family", "refuses less", "thinks", "does not think", "language"]

_FASTER: Final = 1.5  # times the speed of the best one: less is hardly noticed
_LEAST_RANK: Final = 0.6  # of the best one's: a flavour that is much worse is no choice
_PLEASANT: Final = 5.0  # tokens a second in a long chat
_REFUSES: Final = {"no": 0, "little": 1, "some": 2, "yes": 3, "a lot": 4}  # how much
_MOST: Final = 4


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A line of the menu. differs: in what another flavour differs from the best one."""

    role: Role
    model: Suggestion
    differs: tuple[Difference, ...] = ()


def offers(ranked: Sequence[Suggestion]) -> tuple[Offer, ...]:
    """Return up to three offers of models that are ranked, the best first; () if there is none.

    A faster one is faster at the beginning of a chat and at its end. Each is another model, and there are never three
    of one family.
    """
    if not ranked:
        return ()
    best = ranked[0]
    found = [Offer(role="best", model=best)]
    others = [one for one in ranked if one.name != best.name]
    if faster := next((one for one in others if _is_faster(one, best)), None):
        found.append(Offer(role="faster", model=faster))
    if other := _other(others, best, [one.model for one in found]):
        found.append(Offer(role="other", model=other, differs=_differences(other, best)))
    return tuple(found)


def _is_faster(one: Suggestion, than: Suggestion) -> bool:
    return (
        one.choice.tokens_per_s >= _FASTER * than.choice.tokens_per_s
        and one.choice.full_tokens_per_s >= _FASTER * than.choice.full_tokens_per_s
    )


def _other(ranked: Iterable[Suggestion], best: Suggestion, taken: Sequence[Suggestion]) -> Suggestion | None:
    """Return the first one of a family that is not taken; else the first of another kind, unless its family has two."""
    names = {one.name for one in taken}
    families = [_family(one) for one in taken]
    able = [one for one in ranked if one.name not in names and _is_choice(one, best)]
    strange = (one for one in able if _family(one) not in families)
    related = (one for one in able if families.count(_family(one)) < 2 and _differences(one, best))
    return next(strange, None) or next(related, None)


def _is_choice(one: Suggestion, best: Suggestion) -> bool:
    is_fast = one.choice.full_tokens_per_s >= min(_PLEASANT, best.choice.full_tokens_per_s)
    return is_fast and one.rank >= _LEAST_RANK * best.rank


def _differences(one: Suggestion, best: Suggestion) -> tuple[Difference, ...]:
    found: list[Difference] = []
    if _family(one) != _family(best):
        found.append("family")
    if _REFUSES.get(one.refuses, _MOST) < _REFUSES.get(best.refuses, 0):
        found.append("refuses less")
    if best.thinking == "no" and one.thinking in {"optional", "yes"}:
        found.append("thinks")
    if best.thinking == "yes" and one.thinking in {"no", "optional"}:
        found.append("does not think")
    if one.languages[:1] != best.languages[:1]:
        found.append("language")
    return tuple(found)


def _family(one: Suggestion) -> str:
    return one.family or one.name
