"""A model on the disk: its files and their header."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from stackctl.contracts.host import Owner
from stackctl.contracts.turns import Turns
from stackctl.core.model.shape import Shape


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """One file of a model: the name that programs see, and its real path on the host."""

    name: str  # visible name, "/" only between folders of a folder model
    host: PurePosixPath  # links resolved, absolute
    size: int  # bytes
    owner: Owner
    mode: int  # permission bits
    modified_ns: int = 0  # nanoseconds since the epoch; 0 for the demo model, which is always the same


@dataclass(frozen=True, kw_only=True)
class Header:
    """The facts that a model file's header states."""

    format: str  # "gguf", "safetensors"
    architecture: str = ""
    title: str = ""
    trained_context: int = 0  # tokens; 0 if unknown
    layers: int = 0
    chat_template: str = ""
    packing: str = ""  # the packing of safetensors: gptq, exl3, ...; "" for plain numbers
    purpose: str = ""  # why it is not a chat model; "" if it is one
    tokenizer: str = ""  # the pre-tokenizer, which splits text before tokens are made: "tekken", "llama-bpe", ...
    tokenizer_kind: str = ""  # "llama", "gpt2", ...: tokenizer.ggml.model
    bos: str = ""  # the text of the token that begins a text; "" if unknown
    eos: str = ""  # and of the one that ends it
    adds_bos: bool = True  # whether a backend adds the first by itself
    turns: Turns | None = None  # those of the chat template; None if it was not rendered, or could not be
    template_fault: str = ""  # why no turns could be derived from the chat template
    repos: tuple[str, ...] = ()  # OWNER/NAME at Hugging Face, as it names them: its own first, then its base models
    samplers: Mapping[str, float] = field(
        default_factory=dict
    )  # what it recommends, as core/model/samplers.py names it
    types: tuple[int, ...] = ()  # ggml's numbers of the types of its tensors


@dataclass(frozen=True, kw_only=True)
class ModelSeen:
    """A whole model: files[0] is the file that a program is started with (the first shard of a split model).

    The model of an external server has no files.
    """

    wanted: str  # as written in stack.toml
    name: str  # file name, or folder name for a folder model
    is_folder: bool
    files: tuple[ModelFile, ...]
    header: Header
    shape: Shape | None = None  # what its memory depends on; None if unknown
    good_context: int = 0  # tokens up to which the catalogue calls it good; 0 if it does not know the model
    catalogue_samplers: Mapping[str, float] = field(
        default_factory=dict
    )  # what the catalogue recommends, as header.samplers
    read_mib_s: float = 0.0  # measured read rate of the disk; 0 if not measured (small, or cached)

    @property
    def size(self) -> int:
        """Return the size of all files in bytes."""
        return sum(file.size for file in self.files)
