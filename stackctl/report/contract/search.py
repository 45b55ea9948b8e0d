"""What `models search` prints."""

from typing import Annotated, Literal, TypedDict


class Hit(TypedDict):
    """A repository that the hub's search found; what is about its best quantisation is null where none runs."""

    name: str
    verdict: Annotated[
        Literal[
            "runs", "too_large", "not_loadable", "not_chat", "no_gguf", "incomplete", "gated", "unreadable",
            "not_judged",
        ],
        "about its best quantisation, on this machine",
    ]  # fmt: skip
    problem: Annotated[str | None, "why it does not run"]
    in_catalogue: Annotated[bool, "stackctl's catalogue has it, too"]
    gated: Annotated[bool, "its owner wants a licence to be accepted"]
    downloads: Annotated[int | None, "of the last 30 days"]
    likes: int | None
    created_on: Annotated[str | None, "ISO 8601"]
    source: Annotated[str | None, "what deploy --model and models pull take"]
    quantisation: str | None
    size_bytes: int | None
    context: Annotated[int | None, "in tokens"]
    kv_cache: str | None
    gpu_layers: int | None
    place: Annotated[Literal["gpu", "experts", "split", "cpu"] | None, "where it lies: all, or all but some experts"]
    tokens_per_s: Annotated[float | None, "computed, for a chat that begins; not proven on any GPU"]


class RateLimit(TypedDict):
    """Why the hub takes no more requests now."""

    wait_s: Annotated[float | None, "null: the hub does not say"]
    message: str


class Found(TypedDict):
    """What the hub's search found, in its order."""

    version: Literal[1]
    words: str
    sort: str
    hits: list[Hit]
    left_out: Annotated[int, "hits that do not run, by --fits"]
    best: Annotated[str | None, "the source of the best one that runs"]
    rate_limit: Annotated[RateLimit | None, "what ended the search early"]
