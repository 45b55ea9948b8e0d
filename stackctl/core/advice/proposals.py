"""The models of the catalogue that suit a machine: each in its best quantisation, and one of each family.

Nothing is downloaded: the sums are those of the header that follows from an entry. Of more bits than Q6_K nothing is
proposed. What can't be good enough, by its size alone, is not computed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from stackctl import backends
from stackctl.backends.contract import Backend
from stackctl.core.advice import ranking
from stackctl.core.advice.can_load import BackendBuild, chosen_build
from stackctl.core.advice.suggestion import Purpose, Suggestion
from stackctl.core.catalogue.entry import Catalogue, Entry
from stackctl.core.catalogue.header import file_size, shape_of
from stackctl.core.fit import Reserves
from stackctl.core.fit.choice import CUDA_CONTEXT_MIB, Room, Wanted, choose
from stackctl.core.hub import labels
from stackctl.core.hub.source import Source

_SHOWN: Final = 8  # families whose order is exact
_LEAST: Final = 0.95  # of the size by a quantisation's usual bits


def loads(entry: Entry, stack: BackendBuild) -> bool:
    """Return whether the build in question loads a model.

    An unknown build is taken to be as old as those that new stacks take.
    """
    if stack.lacks(entry.header):
        return False
    if stack.build:
        return _loads(stack.backend, stack.build, entry.needs.get(stack.backend.NAME, ""))
    usual = {name: backends.BACKENDS[name] for name in entry.needs}
    return all(_loads(usual[name], chosen_build(usual[name]), needed) for name, needed in entry.needs.items())


def _loads(backend: Backend, build: str, needed: str) -> bool:
    """Return whether a build is not older than the one that is needed, by the numbers in their names: b9191, 1.122."""
    known = backend.BUILDS.get(build)
    has = (known.number,) if known and known.number else _numbers(build)
    return has >= _numbers(needed)


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", name)))


def suggestions(
    catalogue: Catalogue, reserves: Reserves, room: Room, *, purpose: Purpose, language: str, wanted: Wanted
) -> tuple[Suggestion, ...]:
    """Return the best models that fit, the best first; () if none fits.

    Those that are too slow, or have too little context, are returned only where all are.
    """
    ranks = {entry.name: ranking.rank(entry, purpose, language) for entry in catalogue.entries}
    able = [one for one in catalogue.entries if ranks[one.name] and one.good >= (wanted.context or 0)]
    entries = [(one, ranks[one.name]) for one in sorted(able, key=lambda one: -ranks[one.name])]
    floor = ranking.least(room, wanted.context)
    search = _Search(reserves=reserves, room=room, wanted=wanted, bits=catalogue.bits, floor=floor)
    found = [one for one in search.all(entries, has_bounds=True) if search.floor.is_met(one)]
    found = found or list(search.all(entries, has_bounds=False))
    return _one_per_family(ranking.in_order(found, search.floor))


@dataclass(frozen=True, kw_only=True)
class _Search:
    reserves: Reserves
    room: Room
    wanted: Wanted
    bits: Mapping[str, float]  # per weight, of each quantisation
    floor: ranking.Least

    @property
    def vram(self) -> int:
        return sum(self.room.usable_mib) << 20

    @property
    def memory(self) -> int:
        return self.vram + (self.room.usable_ram_mib << 20)

    def all(self, entries: Sequence[tuple[Entry, float]], *, has_bounds: bool) -> Iterator[Suggestion]:
        """Yield each model in its best quantisation, the best rank first.

        The models of a family have the same shape: a further one is tried only in quantisations that the others lack,
        and not after one that is good enough. It ends where no further one can be among the first that are shown.
        """
        tried: dict[str, set[str]] = {}
        done: dict[str, float] = {}
        for entry, points in entries:
            if sum(worth > points + ranking.ALIKE for worth in done.values()) >= _SHOWN:
                return
            family = entry.family or entry.name
            of_family = tried.setdefault(family, set())
            if family in done or entry.files.keys() <= of_family:
                continue
            of_family |= entry.files.keys()
            if one := self.best_form(entry, points, has_bounds=has_bounds):
                if self.floor.is_met(one):
                    done[family] = ranking.worth_of(one)
                yield one

    def best_form(self, entry: Entry, points: float, *, has_bounds: bool) -> Suggestion | None:
        """Return the best quantisation of a model; None if none fits.

        They are tried from the one with the most bits down; a smaller file only if it may lie or run better.
        """
        able = [label for label in entry.files if labels.bits(label) <= ranking.MOST_BITS]
        sizes = {label: self.least_size(entry, label) for label in able}
        least_whole = min((size for label, size in sizes.items() if labels.bits(label) >= ranking.FEW_BITS), default=0)
        best: Suggestion | None = None
        for label in sorted(sizes, key=lambda one: (labels.bits(one), sizes[one]), reverse=True):
            if sizes[label] > self.memory or (has_bounds and self.is_slow(entry, sizes[label])):
                continue
            if best and self.is_settled(best, label, may_be_whole=least_whole <= self.vram):
                break
            one = self.offer(entry, points, label)
            if one.choice.fits and (
                best is None or ranking.quality(one, self.floor) > ranking.quality(best, self.floor)
            ):
                best = one
        return best

    def least_size(self, entry: Entry, label: str) -> int:
        """Return the bytes of a file; where they were not seen, about the fewest that it has."""
        return entry.files[label] or int(_LEAST * entry.billions * 1e9 * self.bits[label] / 8)

    def is_slow(self, entry: Entry, size: int) -> bool:
        """Return whether a dense model is too slow for sure, by what a token reads of the GPUs and of the RAM."""
        shape, room = entry.shape, self.room
        if shape.experts or shape.layer_embedding:
            return False
        read = size - shape.vocabulary * shape.embedding  # without the table of embeddings, of 8 bits at most
        on_gpus = min(read, max(0, self.vram - int(CUDA_CONTEXT_MIB * len(room.gpus_mib)) * 2**20))
        rates = [room.bandwidths.gpu(*one).used_gb_per_s for one in enumerate(room.sizes_mib)]
        seconds = (read - on_gpus) / 1e9 / room.bandwidths.ram.used_gb_per_s
        seconds += on_gpus / 1e9 / max(rates) if rates else 0.0
        return seconds * self.floor.tokens_per_s > 1

    def is_settled(self, best: Suggestion, label: str, *, may_be_whole: bool) -> bool:
        """Return whether a quantisation with fewer bits, this one, can't be better."""
        if not self.floor.is_met(best):
            return False
        if labels.bits(label) < ranking.FEW_BITS:
            return True
        if ranking.place_of(best, self.floor) == ranking.WHOLE:
            return ranking.is_roomy(best)
        return not may_be_whole and self.bits[label] < ranking.ENOUGH_BITS

    def offer(self, entry: Entry, points: float, label: str) -> Suggestion:
        wanted = replace(self.wanted, usable=entry.good)
        choice = choose(shape_of(entry, label), wanted, self.reserves, self.room, has_alternatives=False)
        return Suggestion(
            name=entry.name,
            source=Source(repo=entry.repo, quant=label),
            label=label,
            size=file_size(entry, label),
            bits=self.bits[label],
            context=choice.settings.context,
            choice=choice,
            licence=entry.licence,
            languages=entry.languages,
            template=entry.template,
            billions=entry.billions,
            family=entry.family or entry.name,
            rank=points,
            good=entry.good,
            thinking=entry.thinking,
            refuses=entry.refuses,
            released=entry.released,
        )


def _one_per_family(found: Iterable[Suggestion]) -> tuple[Suggestion, ...]:
    first: dict[str, Suggestion] = {}
    for one in found:
        first.setdefault(one.family, one)
    return tuple(first.values())
