"""A model as it lies on the disk: its files, and what they say of themselves."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from stackctl.contracts.host import Owner
from stackctl.core.model.shape import Shape


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """One file of a model: the name that programs shall see, and where the bytes really lie on the host."""

    name: str  # visible name, "/" only between folders of a folder model
    host: PurePosixPath  # links resolved, absolute
    size: int  # bytes
    owner: Owner
    mode: int  # permission bits
    modified_ns: int = 0  # nanoseconds since the epoch; 0: written by us, always the same


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a model file says of itself (GGUF metadata)."""

    format: str  # "gguf", "safetensors"
    architecture: str = ""
    title: str = ""
    trained_context: int = 0  # tokens; 0: not said
    layers: int = 0
    chat_template: str = ""
    packing: str = ""  # of safetensors: gptq, exl3, ...; "": plain numbers
    purpose: str = ""  # why nobody can chat with it, in words; "": one can
    tokenizer: str = ""  # how it cuts text before it counts tokens: "tekken", "llama-bpe", ...


@dataclass(frozen=True, kw_only=True)
class ModelSeen:
    """A whole model: `files[0]` is the one to name to a program (the first shard of a split model).

    One that a server elsewhere has loaded has no files here.
    """

    wanted: str  # as written in stack.toml
    name: str  # file name, or folder name for a folder model
    is_folder: bool
    files: tuple[ModelFile, ...]
    header: Header
    shape: Shape | None = None  # what its memory depends on; None: not known
    read_mib_s: float = 0.0  # measured read rate of the disk; 0: not measured (small, or cached)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)
