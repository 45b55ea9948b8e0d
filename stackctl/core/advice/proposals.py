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
from stackctl.core.advice.can_load import BackendBuild, is_sure
from stackctl.core.advice.suggestion import Purpose, Suggestion
from stackctl.core.catalogue.entry import Catalogue, Entry
from stackctl.core.catalogue.header import file_size, shape_of
from stackctl.core.fit import Reserves
from stackctl.core.fit.choice import CUDA_CONTEXT_MIB, Room, Wanted, choose
from stackctl.core.hub import labels
from stackctl.core.hub.source import Source

_Kin = tuple[str, int, int, int, int]
_SHOWN: Final = 8  # models whose order is exact
_ENOUGH: Final = 3  # models to choose from
_LEAST: Final = 0.95  # of the size by a quantisation's usual bits


def loads(entry: Entry, stack: BackendBuild) -> bool:
    """Return whether the build in question loads a model for sure; an unknown one, if every known build does."""
    if not is_sure(entry.header, stack.backend, stack.build):
        return False
    if stack.build:
        return _loads(stack.backend, stack.build, entry.needs.get(stack.backend.NAME, ""))
    known = [(backends.BACKENDS[name], needed) for name, needed in entry.needs.items()]
    return all(_loads(backend, build, needed) for backend, needed in known for build in backend.BUILDS)


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

    Those that are too slow, or have too little context, follow only where fewer than three are good enough.
    """
    ranks = {entry.name: ranking.rank(entry, purpose, language) for entry in catalogue.entries}
    able = [one for one in catalogue.entries if ranks[one.name] and one.good >= (wanted.context or 0)]
    entries = [(one, ranks[one.name]) for one in sorted(able, key=lambda one: -ranks[one.name])]
    floor = ranking.least(room, wanted.context)
    search = _Search(reserves=reserves, room=room, wanted=wanted, bits=catalogue.bits, floor=floor)
    kin = {entry.name: _kin(entry) for entry, _ in entries}
    good = [one for one in search.all(entries, has_bounds=True) if floor.is_met(one)]
    found = _one_of_each_kind(ranking.in_order(good, floor), kin)
    if len(found) < _ENOUGH:
        found = _one_of_each_kind(ranking.in_order(search.all(entries, has_bounds=False), floor), kin)
    return found


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

        Models of one shape lie alike: a further one is tried only in quantisations that the others lack, and not after
        one that is good enough. It ends where no further one can be among the first that are shown.
        """
        tried: dict[_Kin, set[str]] = {}
        done: dict[_Kin, float] = {}
        for entry, points in entries:
            if sum(worth > points + ranking.ALIKE for worth in done.values()) >= _SHOWN:
                return
            kin = _kin(entry)
            before = tried.setdefault(kin, set())
            if kin in done or entry.files.keys() <= before:
                continue
            before |= entry.files.keys()
            if one := self.best_form(entry, points, has_bounds=has_bounds):
                if self.floor.is_met(one):
                    done[kin] = ranking.worth_of(one)
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


def _kin(entry: Entry) -> _Kin:
    """Return what the models have in common that were made of one another, such as Llama 3 and 3.1, and their tunes."""
    shape = entry.shape
    return entry.architecture, shape.layers, shape.embedding, shape.feed_forward, shape.vocabulary


def _one_of_each_kind(found: Iterable[Suggestion], kin: Mapping[str, _Kin]) -> tuple[Suggestion, ...]:
    """Return the first of each family, and of each shape."""
    families: set[str] = set()
    shapes: set[_Kin] = set()
    kept = []
    for one in found:
        if one.family not in families and kin[one.name] not in shapes:
            kept.append(one)
        families.add(one.family)
        shapes.add(kin[one.name])
    return tuple(kept)
