"""A verdict about each hit of a search: whether one of its quantisations runs on a machine, or why none does."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from stackctl.core.advice.ranking import MOST_BITS, SLOW, Least, place_of, quality
from stackctl.core.advice.suggestion import Suggestion
from stackctl.core.fit.choice import Room
from stackctl.core.hub.labels import bits
from stackctl.core.hub.repository import Quantisation
from stackctl.core.hub.search import Hit

# what a script reads of a verdict
Verdict = Literal[
    "runs", "too_large", "not_loadable", "not_chat", "no_gguf", "incomplete", "gated", "unreadable", "not_judged"
]
_MOST: Final = 50  # quantisations of a model that are tried; the largest uploads have about 40


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A hit and its verdict. best: what runs, or None; why_not: the reason as a part of a sentence, "" if it runs."""

    hit: Hit
    verdict: Verdict
    best: Suggestion | None = None
    why_not: str = ""


def candidates(model: Iterable[Quantisation]) -> list[Quantisation]:
    """Return the quantisations that are worth a look, the largest first: of at most Q6_K, if there are such."""
    by_size = sorted(model, key=lambda one: one.size, reverse=True)
    return ([one for one in by_size if bits(one.files[0].name) <= MOST_BITS] or by_size)[:_MOST]


def header_of(model: Sequence[Quantisation], room: Room) -> Quantisation | None:
    """Return the quantisation whose header tells most: the largest that its size lets fit, else Q4_K_M, else the least.

    A GPU's memory counts before that of a GPU and RAM together. None if each of them has several headers.
    """
    single = [one for one in candidates(model) if len(one.files) == 1]
    for free_mib in (sum(room.usable_mib), sum(room.usable_mib) + room.usable_ram_mib):
        if fitting := [one for one in single if one.size / 2**20 < free_mib]:
            return fitting[0]
    usual = [one for one in single if one.label == "Q4_K_M"]
    return next(iter(usual or single[-1:]), None)


def too_large(least: Quantisation, room: Room) -> str:
    """Return why not even the least quantisation can fit, by its size alone; "" if it may."""
    free_mib = sum(room.gpus_mib) + room.ram_mib
    if least.size / 2**20 <= free_mib:
        return ""
    return f"its smallest file, {least.label}, has {least.size / 2**30:.1f} GiB; {free_mib / 1024:.1f} GiB are free"


def best_of(judged: Iterable[Judged], floor: Least) -> Suggestion | None:
    """Return the best of all that run, None if none does: the largest model of those that lie well and are fast."""
    found = [one.best for one in judged if one.best]
    return max(found, key=partial(_quality, floor), default=None)


def _quality(floor: Least, one: Suggestion) -> tuple[bool, bool, tuple[float, ...]]:
    return floor.is_met(one), place_of(one, floor) != SLOW, quality(one, floor)
