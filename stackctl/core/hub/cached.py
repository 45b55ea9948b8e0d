"""A model in another program's cache on this machine."""

from dataclasses import dataclass
from typing import Literal

Program = Literal["Hugging Face", "LM Studio", "llama.cpp", "Ollama"]


@dataclass(frozen=True, kw_only=True)
class CachedModel:
    """What a cache's names and sizes tell; nothing of it was read. path: what `deploy --model` takes."""

    program: Program  # whose cache it is
    name: str
    path: str
    size: int  # bytes
