"""What a model's files say of themselves, read as a whole."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from stackctl.core.model.gguf import GgufFile
from stackctl.core.model.model_card import Card
from stackctl.core.model.safetensors import Words
from stackctl.core.model.safetensors_header import Tensors


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The headers of a model's files, and the texts beside them."""

    name: str  # the file's, or the folder's where it is the model as a whole
    path: PurePosixPath  # where it was looked for
    size: int  # bytes of all files with weights
    card: Card  # of the folder that is the model's own
    gguf_files: tuple[GgufFile, ...] = ()
    tensor_files: tuple[Tensors, ...] = ()  # of safetensors
    words: Words | None = None  # likewise
    is_pickle: bool = False
