"""The catalogue of models that are good at roleplay.

A recommendation downloads nothing: the shape follows from the base model's numbers, and the size of a quantisation
from its bits per weight.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stackctl.core.fit import Shape
from stackctl.core.model.model import Header
from stackctl.core.model.shape import Layer

FILE: Final = "catalogue.toml"


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
