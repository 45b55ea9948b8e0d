"""A cause that takes time of a reply, and a change that would give some back."""

from dataclasses import dataclass
from typing import Literal

# counted by the program itself; computed from figures of the machine; seen beside a reply that was too slow
Certainty = Literal["measured", "computed", "likely"]


@dataclass(frozen=True, kw_only=True)
class Slowdown:
    """A cause. seconds: of a mean reply, which it would not take without the cause; says: a clause on what was seen."""

    issue: str  # its id in ISSUES
    says: str
    hint: str
    seconds: float
    certainty: Certainty
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Gain:
    """A change, what it does, and how many times shorter a reply becomes. change: as "context 16384 -> 8192"."""

    change: str
    effect: str
    times: float
    tokens_per_s: float | None = None  # how fast it would write; None if that stays
