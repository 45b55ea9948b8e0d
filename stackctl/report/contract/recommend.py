"""What `models recommend` prints."""

from typing import Annotated, Literal, TypedDict


class Suggestion(TypedDict):
    """A model that fits."""

    name: str
    source: Annotated[str, "what deploy --model and models pull take"]
    quantisation: str
    size_bytes: int
    context: Annotated[int, "in tokens"]
    kv_cache: str
    gpu_layers: int
    cpu_experts: Annotated[int, "layers whose experts stay in RAM"]
    lies: Annotated[Literal["gpu", "experts", "split", "cpu"], "gpu: wholly on the GPUs; experts: some of them in RAM"]
    vram_mib: Annotated[float, "of all GPUs together"]
    ram_mib: float
    family: Annotated[str | None, "its base model"]
    rank: Annotated[float | None, "of 100, for the purpose and the language; null: --repo or --folder"]
    thinking: Annotated[Literal["no", "optional", "yes"] | None, "whether it thinks before it answers"]
    refuses: Annotated[str | None, "how often, as its sources say: no, little, some, yes"]
    released: Annotated[str | None, "year and month"]
    licence: str | None
    languages: list[str]
    prompt_template: str | None
    tokens_per_s: Annotated[float, "computed, for a chat that begins; not proven on any GPU"]
    long_chat_tokens_per_s: Annotated[float, "the same with 8192 tokens"]


class Recommended(TypedDict):
    """The best model for this machine, and others."""

    version: Literal[1]
    purpose: Literal["roleplay", "general"]
    language: Annotated[str, "for which they are: en where no model speaks the one that was asked for"]
    best: Suggestion
    why: Annotated[str, "why the best one comes first"]
    others: list[Suggestion]
    catalogue_date: Annotated[str | None, "ISO 8601; null: --repo or --folder"]
