"""Reads the text of a catalogue, which may come from elsewhere: data only, and bounded in time and memory."""

import tomllib
from typing import Final

from stackctl.core.catalogue.entry import Catalogue, Entry, Numbers

SAMPLERS: Final = (
    "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty",
)  # fmt: skip


def parse(text: str) -> Catalogue:
    """Return the catalogue. Raise ConfigError, which names the entry and the key, for whatever is wrong in it."""
    content = tomllib.loads(text)
    entries = tuple(
        Entry(
            **{key: one[key] for key in ("name", "repo", "source", "licence", "template", "billions", "architecture")},
            languages=tuple(one["languages"]),
            shape=Numbers(**one["shape"]),
            context=one["context"],
            good=one.get("good", one["context"]),
            files=dict.fromkeys(one["quants"], 0),
            uses=("general", "roleplay"),
            rank={"general": 50, "roleplay": 50},
        )
        for one in content["models"]
    )
    return Catalogue(date=content["date"], schema=content.get("schema", 1), bits=content["bits"], entries=entries)
