"""Reads the text of a catalogue, which may come from elsewhere: data only, and bounded in time and memory."""

from typing import Final

from stackctl.core.catalogue.entry import Catalogue, Entry, Numbers
from stackctl.core.formats import bounded_toml
from stackctl.core.formats.bounded_toml import NoToml
from stackctl.errors import ConfigError

SAMPLERS: Final = (
    "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty",
)  # fmt: skip
_MOST: Final = 40_000  # lines and values; 60 models have about 5,000


def parse(text: str) -> Catalogue:
    """Return the catalogue. Raise ConfigError, which names the entry and the key, for whatever is wrong in it."""
    try:
        content = bounded_toml.parse(text, _MOST)
    except NoToml as e:
        raise ConfigError(f"the catalogue can't be read: it {e}", hint="Report it to who published it.") from e
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
