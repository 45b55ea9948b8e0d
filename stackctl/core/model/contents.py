"""The contents of a model's files, read together."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from stackctl.core.model.gguf import GgufFile
from stackctl.core.model.model_card import Card
from stackctl.core.model.safetensors import Words
from stackctl.core.model.safetensors_header import Tensors


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The headers of a model's files, and the text files next to them."""

    name: str  # the name of the file, or of the folder if the whole folder is the model
    path: PurePosixPath  # the path that was read
    size: int  # bytes of all files with weights
    card: Card  # the card in the model's folder
    gguf_files: tuple[GgufFile, ...] = ()
    tensor_files: tuple[Tensors, ...] = ()  # safetensors only
    words: Words | None = None  # safetensors only
    is_pickle: bool = False
