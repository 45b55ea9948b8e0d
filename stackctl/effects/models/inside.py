"""All that a model's files say of it, each header read and nothing run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stackctl.core import safetensors
from stackctl.core.gguf import GgufFile
from stackctl.effects.models.find import Found, find
from stackctl.effects.models.reading import header, opened, readable, text, where


@dataclass(frozen=True, kw_only=True)
class Inside:
    """The headers of a model's files, and the texts beside them."""

    name: str  # the file's, or the folder's where it is the model as a whole
    gguf_files: tuple[GgufFile, ...] = ()
    tensor_files: tuple[safetensors.Tensors, ...] = ()  # of safetensors
    texts: Mapping[str, str] = field(default_factory=dict)
    size: int = 0  # bytes of all files
    is_pickle: bool = False


def inside(wanted: str, folder: Path) -> Inside:
    """Read every header of a model's file or folder; raise ModelError that says what is wrong with it."""
    path = where(wanted, folder)
    with readable(path):
        found = find(path)
        size = sum(one.stat().st_size for one in found.paths)
        if found.kind == "gguf":
            return Inside(name=found.name, gguf_files=tuple(header(one) for one in found.paths), size=size)
        if found.kind == "pickle":
            return Inside(name=found.name, size=size, is_pickle=True)
        return Inside(
            name=found.name,
            tensor_files=tuple(_tensors(one) for one in found.paths),
            texts=texts(found),
            size=size,
        )


def texts(found: Found) -> dict[str, str]:
    """What lies beside the weights of a model of safetensors and tells of it."""
    folder = found.folder or found.paths[0].parent
    return {name: text(folder / name) for name in safetensors.FILES if (folder / name).exists()}


def _tensors(path: Path) -> safetensors.Tensors:
    with opened(path) as stream:
        start = stream.read(8)
        start += stream.read(min(int.from_bytes(start, "little"), safetensors.LONGEST_HEADER))
        return safetensors.tensors(start, path.stat().st_size, name=str(path))
