"""The catalogue of models that are good at roleplay, and the choice of one for a machine.

A recommendation downloads nothing: the shape follows from the base model's numbers, and the size of a quantisation
from its bits per weight. It chooses the largest model that fits and is fast enough, and its least quantised file.
Below four bits per weight the quality drops sharply, so such files are the last choice.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stackctl.core.fit import Reserves, Shape
from stackctl.core.fit.choice import CONTEXT, Choice, Room, Wanted, choose
from stackctl.core.hub.source import Source
from stackctl.core.model.model import Header
from stackctl.core.model.shape import Layer

FILE: Final = "catalogue.toml"
SLOWEST: Final = 5.0  # tokens a second in a long chat; a slower model is no pleasure to use
_FEW_BITS: Final = 4.5
# a Japanese, Chinese or Korean character takes about one token, an English one a quarter
_DENSE_SCRIPTS: Final = frozenset({"ja", "zh", "ko"})


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One model of the catalogue."""

    name: str
    repo: str
    source: str  # the source of these facts
    licence: str
    languages: tuple[str, ...]
    template: str  # SillyTavern's name of it
    billions: float  # parameters
    architecture: str
    shape: Mapping[str, Any]
    context: int  # tokens that it was trained for
    good: int  # tokens up to which it is good for chats
    quants: tuple[str, ...]

    @property
    def header(self) -> Header:
        """Return what a build has to know of the model."""
        return Header(format="gguf", architecture=self.architecture, layers=self.shape["layers"])


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    date: str
    bits: Mapping[str, float]  # bits per weight of each quantisation
    entries: tuple[Entry, ...]


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A quantisation of a model, and how it would run on this machine."""

    name: str
    source: Source
    label: str
    size: int  # bytes to download
    bits: float
    context: int
    choice: Choice
    licence: str = ""
    languages: tuple[str, ...] = ()
    template: str = ""
    billions: float = 0.0

    @property
    def form(self) -> str:
        """Return the label, or the file in its repository where the label is missing or that of several models."""
        return self.source.file or self.label


def parse(text: str) -> Catalogue:
    content = tomllib.loads(text)
    entries = tuple(
        Entry(
            **{key: one[key] for key in ("name", "repo", "source", "licence", "template", "billions", "architecture")},
            languages=tuple(one["languages"]),
            shape=one["shape"],
            context=one["context"],
            good=one.get("good", one["context"]),
            quants=tuple(one["quants"]),
        )
        for one in content["models"]
    )
    return Catalogue(date=content["date"], bits=content["bits"], entries=entries)


def shape_of(entry: Entry, bits: float) -> Shape:
    """Return the shape of a model of the catalogue at so many bits per weight, as if all tensors had one type."""
    numbers = entry.shape
    embedding, feed_forward = numbers["embedding"], numbers["feed_forward"]
    wide, narrow = numbers["heads"] * numbers["head"], numbers["kv_heads"] * numbers["head"]
    experts, window = numbers.get("experts", 0), numbers.get("window", 0)
    inner = 3 * embedding * feed_forward
    attention = embedding * (2 * wide + 2 * narrow)
    table = int(embedding * numbers["vocabulary"] * bits / 8)
    layers = tuple(
        Layer(
            heads=numbers["heads"],
            kv_heads=numbers["kv_heads"],
            has_cache=True,
            key=narrow,
            value=narrow,
            slides=bool(window) and index % 2 == 0,
            state=0,
            feed_forward=0 if experts else feed_forward,
            shared_feed_forward=0,
            expert_feed_forward=feed_forward if experts else 0,
            is_gated=True,
            weights=int((attention + inner * max(1, experts)) * bits / 8),
            experts=int(inner * experts * bits / 8),
            largest=int(embedding * feed_forward * max(1, experts) * bits / 8),
            largest_expert=int(embedding * feed_forward * experts * bits / 8),
        )
        for index in range(numbers["layers"])
    )
    return Shape(
        architecture=entry.architecture,
        trained_context=entry.good,
        embedding=embedding,
        head=numbers["head"],
        vocabulary=numbers["vocabulary"],
        window=window,
        experts=experts,
        experts_used=numbers.get("used", 0),
        inner=0,
        projected=0,
        convolved=0,
        layers=layers,
        input=table,
        embedding_bytes=table,
        output=table,
        is_tied=numbers.get("tied", False),
        is_parallel=False,
        is_mla=False,
    )


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
            choice = choose(shape, settings, reserves, room)
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
