"""What `models pull`, `list`, `verify` and `remove` print."""

from typing import Annotated, Literal, TypedDict


class File(TypedDict):
    """A file that was fetched."""

    name: str
    size_bytes: int
    sha256: str


class Pulled(TypedDict):
    """A model that is here, whole."""

    version: Literal[1]
    path: str
    source: str
    size_bytes: int
    licence: str | None
    files: list[File]


class StoredModel(TypedDict):
    """A model that was pulled."""

    name: str
    path: str
    source: str
    quantisation: str
    size_bytes: int
    licence: str | None
    pulled_on: Annotated[str, "ISO 8601"]
    complete: Annotated[bool, "every file is there"]
    used_by: Annotated[list[str] | None, "stacks; null: no engine could be asked"]


class CachedModel(TypedDict):
    """A model in another program's cache, by its name and size; nothing of it was read."""

    program: Literal["Hugging Face", "LM Studio", "llama.cpp", "Ollama"]
    name: str
    path: Annotated[str, "what deploy --model takes"]
    quantisation: Annotated[str | None, "null: its name does not tell"]
    size_bytes: int


class Stored(TypedDict):
    """All models that were pulled, and those that other programs have."""

    version: Literal[1]
    models: list[StoredModel]
    elsewhere: list[CachedModel]


class VerifiedModel(TypedDict):
    """A model whose files were read again."""

    name: str
    damaged_files: Annotated[list[str], "missing, or other than fetched"]


class Verified(TypedDict):
    """The models that were read; the exit code is 8 where one is damaged."""

    version: Literal[1]
    intact: bool
    models: list[VerifiedModel]


class Removed(TypedDict):
    """A model that was deleted."""

    version: Literal[1]
    name: str
    freed_bytes: int
