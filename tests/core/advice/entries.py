"""Entries of a catalogue for tests: models of a few sizes with the ranks that a test gives them."""

from dataclasses import replace
from typing import Any

from stackctl.core.catalogue.entry import Catalogue, Entry, Numbers

BITS = {"IQ3_M": 3.7, "IQ4_XS": 4.3, "Q4_K_M": 4.9, "Q5_K_M": 5.7, "Q6_K": 6.6, "Q8_0": 8.5}
EIGHT = Numbers(layers=32, embedding=4096, feed_forward=14336, heads=32, kv_heads=8, head=128, vocabulary=128256)
TWELVE = replace(EIGHT, layers=40, embedding=5120, vocabulary=131072)
LARGE = replace(EIGHT, layers=40, embedding=5120, feed_forward=32768, vocabulary=131072)
HUGE = replace(EIGHT, layers=80, embedding=8192, feed_forward=28672, heads=64)
# 8 of 128 experts, of which a token reads about 3 billion parameters
MIXED = Numbers(
    layers=48, embedding=2048, feed_forward=768, heads=32, kv_heads=4, head=128, vocabulary=151936, experts=128, used=8
)
_BILLIONS = {id(EIGHT): 8.03, id(TWELVE): 12.2, id(LARGE): 23.6, id(HUGE): 70.6, id(MIXED): 30.5}


def entry(name: str, shape: Numbers = EIGHT, **more: Any) -> Entry:
    """Return an entry in five quantisations. rank: a number means that for roleplay and for general use."""
    billions = _BILLIONS.get(id(shape), 8.0)
    rank = more.pop("rank", 50.0)
    found = Entry(
        name=name,
        repo=f"owner/{name}",
        source=f"https://huggingface.co/maker/{name}",
        licence="apache-2.0",
        languages=("en",),
        template="ChatML",
        billions=billions,
        architecture="qwen3moe" if shape.experts else "llama",
        shape=shape,
        context=131072,
        good=32768,
        files={label: int(billions * 1e9 * bits / 8) for label, bits in BITS.items()},
        uses=("roleplay", "general"),
        rank=rank if isinstance(rank, dict) else {"roleplay": rank, "general": rank},
        family=name,
    )
    return replace(found, **more)


def only(entry: Entry, *names: str) -> Entry:
    """Return the same in some of its quantisations."""
    return replace(entry, files={name: entry.files[name] for name in names})


def catalogue(*entries: Entry) -> Catalogue:
    return Catalogue(date="2026-11-30", schema=1, bits=BITS, entries=entries)
