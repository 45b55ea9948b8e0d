"""What the commands about models print."""

from typing import Annotated, Literal, TypedDict


class Choice(TypedDict):
    """One of stack.toml's [models]."""

    name: str
    path: str
    context: Annotated[int | Literal["auto"], "in tokens"]
    kv_cache: str
    used: bool


class Choices(TypedDict):
    """What `use` without NAME prints."""

    version: Literal[1]
    models: list[Choice]


class Tensors(TypedDict):
    """How many tensors are of a type, and their size."""

    tensors: int
    size_bytes: int


class Loading(TypedDict):
    """Whether a backend can load the model."""

    loads: bool
    problem: Annotated[str | None, "why it can't"]


class Inspected(TypedDict):
    """What a model's files say."""

    version: Literal[1]
    name: str
    format: str
    size_bytes: int
    parts: int
    title: str | None
    architecture: str | None
    parameters: int | None
    quantisation: str | None
    bits_per_weight: float | None
    types: Annotated[dict[str, Tensors], "by the type's name, the largest first"]
    unknown_types: list[str]
    layers: int | None
    heads: int | None
    kv_heads: int | None
    embedding: int | None
    context: Annotated[int | None, "in tokens, as advertised"]
    good_context: Annotated[int | None, "as far as it is known to be good, where that is less"]
    context_source: Annotated[str | None, "who says so"]
    window: Annotated[int | None, "sliding window, in tokens"]
    experts: int | None
    experts_used: int | None
    vocabulary: int | None
    tokenizer: str | None
    has_chat_template: bool
    prompt_template: Annotated[str | None, "its name in SillyTavern"]
    problem: Annotated[str | None, "why it is no model to chat with"]
    licence: str | None
    languages: list[str]
    backends: Annotated[dict[str, Loading], "by the backend's name"]


class LoadingBuild(TypedDict):
    """Whether a build of a backend can load the model."""

    build: Annotated[str | None, "of its program, which a new stack takes"]
    loads: bool
    problem: Annotated[str | None, "why it can't"]


class CanLoad(TypedDict):
    """Whether a model can be loaded; the exit code is 8 where it can't."""

    version: Literal[1]
    name: str
    loads: Annotated[bool, "by the backend in question; by at least one where none is named"]
    architecture: str | None
    tokenizer: str | None
    pre_tokenizer: str | None
    types: Annotated[list[str], "of its tensors, the largest first"]
    backends: Annotated[dict[str, LoadingBuild], "by the backend's name, those in question"]


class Memory(TypedDict):
    """What is needed on one device, or in RAM."""

    weights_mib: float
    kv_cache_mib: float
    state_mib: float
    compute_mib: float
    output_mib: float
    overhead_mib: float
    total_mib: float


class Free(TypedDict):
    """What is free now."""

    devices: Annotated[list[int], "MiB of each GPU"]
    host: Annotated[int, "MiB of RAM"]


class Alternative(TypedDict):
    """Another way to run the model."""

    change: Annotated[str, "as stack.toml would have it"]
    effect: str
    saves_mib: Annotated[float, "negative: it takes more"]
    fits: bool


class MoreContext(TypedDict):
    """What a larger context takes."""

    usable: Annotated[int | None, "tokens up to which the model is good; null: unknown"]
    context: Annotated[int, "tokens: the next larger one, for `context` in stack.toml"]
    takes_mib: Annotated[float, "more than now, on the GPUs or in RAM"]
    fits: bool


class Bandwidth(TypedDict):
    """How fast the memory of one place is read."""

    place: Annotated[str, "GPU, GPU 0, RAM"]
    gb_per_s: Annotated[float, "10^9 bytes a second"]
    source: Annotated[Literal["nvml", "table", "measured", "assumed"], "how it is known"]


class Fitted(TypedDict):
    """The memory that a model takes."""

    version: Literal[1]
    model: str
    fits: bool
    problems: Annotated[list[str], "what is too small; empty where it fits"]
    context: Annotated[int, "in tokens; where none is asked: what a new stack would take"]
    more_context: Annotated[MoreContext | None, "null: the model has no more"]
    kv_cache: str
    gpu_layers: int
    cpu_experts: Annotated[int, "blocks whose experts stay in RAM"]
    tokens_per_s: Annotated[float, "computed, for a chat that begins; not proven on any GPU"]
    full_tokens_per_s: Annotated[float, "the same once the chat fills the context"]
    bandwidths: Annotated[list[Bandwidth], "of the places that a token reads"]
    devices: Annotated[list[Memory], "one a GPU"]
    host: Memory
    free_mib: Free
    alternatives: list[Alternative]


class Quantisation(TypedDict):
    """One quantisation of a repository."""

    quantisation: str
    source: Annotated[str, "what deploy --model and models pull take"]
    size_bytes: int
    bits_per_weight: float
    context: Annotated[int, "in tokens"]
    kv_cache: str
    gpu_layers: int
    fits: bool
    missing_mib: float
    tokens_per_s: float


class Quantisations(TypedDict):
    """What `models fit hf:OWNER/NAME` prints."""

    version: Literal[1]
    quantisations: list[Quantisation]


class Updated(TypedDict):
    """The catalogue that is in use after an update."""

    version: Literal[1]
    updated: Annotated[bool, "false: the one in use was already the newest"]
    catalogue_date: Annotated[str, "ISO 8601"]
    former_date: Annotated[str, "of the one in use before; ISO 8601"]
    models: Annotated[int, "how many it has"]
    unknown_models: Annotated[int, "how many more, of architectures that this version of stackctl does not know"]
    source: Annotated[str, "its address, without user, password and query"]
