"""One model of the catalogue, and the catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from stackctl.core.model.model import Header

FILE: Final = "catalogue.toml"
SCHEMA: Final = 1  # of the file's format; a file with a higher one is for newer programs
Thinking = Literal["no", "optional", "yes"]
Refuses = Literal["no", "little", "some", "yes"]


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The numbers of a model's config.json that its header is built from; 0 for what it does not have.

    Lengths count values: embedding, feed_forward (of one expert where there are experts) and heads' widths.
    """

    layers: int
    embedding: int
    feed_forward: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int  # tokens
    tied: bool = False  # the output layer uses the embedding's tensor
    window: int = 0  # tokens that a sliding layer sees
    window_every: int = 0  # of so many layers the last one sees everything, the others the window
    global_kv_heads: int = 0  # of a layer that sees everything, where they differ
    global_head: int = 0
    value_is_key: bool = False  # a layer that sees everything has no tensor for its values
    shared_cache_layers: int = 0  # so many of the last layers use the cache of earlier ones
    layer_embedding: int = 0  # values of a token's separate embedding for each layer
    late_feed_forward: int = 0  # of the layers that use the cache of earlier ones
    experts: int = 0
    used: int = 0  # experts that a token uses
    shared_feed_forward: int = 0  # of what every token goes through beside its experts
    dense_layers: int = 0  # the first layers, which have no experts
    dense_feed_forward: int = 0  # of these
    attention_every: int = 0  # of so many layers the last one has attention and a cache, the others a state
    linear_key_heads: int = 0  # of a layer with a state
    linear_value_heads: int = 0
    linear_head: int = 0
    gated_attention: bool = False  # its queries come with a gate of the same width
    biased: bool = False  # its queries, keys and values have biases
    predicting_layers: int = 0  # layers at the end that predict further tokens, which llama.cpp does not use


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One model of the catalogue. Its facts are those of its sources on the day that it was seen."""

    name: str
    repo: str  # OWNER/NAME at Hugging Face
    source: str  # the page of the model itself there
    licence: str
    languages: tuple[str, ...]  # ISO 639-1, the first is its main one
    template: str  # SillyTavern's name of it
    billions: float  # parameters
    architecture: str  # llama.cpp's name of it
    shape: Numbers
    context: int  # tokens that it was trained for
    good: int  # tokens up to which it is good for chats
    files: Mapping[str, int]  # quantisation -> bytes of its file; 0 if its size was not seen
    uses: tuple[str, ...] = ()  # of roleplay and general, what it is proposed for
    rank: Mapping[str, float] = field(default_factory=dict)  # use or language -> 0..100, judged from the scores
    scores: Mapping[str, float] = field(default_factory=dict)  # board -> as its source gives it
    family: str = ""  # its base model; one entry of a family is enough in a list
    thinking: Thinking = "no"
    no_thinking: str = ""  # how its thinking is turned off: "enable_thinking", a variable of its chat template
    refuses: Refuses = "some"  # how often it refuses, by its sources
    samplers: Mapping[str, float] = field(default_factory=dict)  # as its card recommends; names: parse.SAMPLERS
    released: str = ""  # YYYY-MM
    seen: str = ""  # YYYY-MM-DD
    needs: Mapping[str, str] = field(default_factory=dict)  # backend -> the least build that loads it
    unseen: frozenset[str] = frozenset()  # quantisations that its uploader makes of every model, not seen by name
    sources: tuple[str, ...] = ()  # as the head of the file calls them

    @property
    def header(self) -> Header:
        """Return what a build has to know of the model."""
        return Header(format="gguf", architecture=self.architecture, layers=self.shape.layers)


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    date: str  # YYYY-MM-DD
    schema: int
    bits: Mapping[str, float]  # quantisation -> bits per weight of a usual model
    entries: tuple[Entry, ...]
    unknown: int = 0  # models that it has besides, of architectures that this version of stackctl does not know
