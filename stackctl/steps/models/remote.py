"""A model that is not here yet, read by its header alone: enough to plan and fit it before it is fetched."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from stackctl.core.hub.source import RepoFile
from stackctl.core.model import gguf, gguf_parts, gguf_shape
from stackctl.core.model.gguf import GgufFile
from stackctl.core.model.model import Header, ModelFile, ModelSeen
from stackctl.errors import ModelError
from stackctl.machine import Machine
from stackctl.steps.models.pull import Download, read_start
from stackctl.steps.models.remote_folder import read_purpose, refuse_incomplete


@dataclass(frozen=True, kw_only=True)
class RemoteModel:
    """A model as its source describes it. `bytes_per_s`: the rate at which its header arrived."""

    model: ModelSeen
    bytes_per_s: float
    read: int  # bytes
    parts: tuple[GgufFile, ...] = ()


def describe_remote(machine: Machine, offer: Download) -> RemoteModel:
    """Read the header of every part; return the files as they will lie once they are pulled.

    Of safetensors only config.json is read, so its memory is unknown here. Raises ModelError.
    """
    if offer.is_folder:
        refuse_incomplete(machine, offer)
        model = ModelSeen(
            wanted=str(offer.source),
            name=offer.root.name,
            is_folder=True,
            files=tuple(_file(offer, one, machine) for one in offer.files),
            header=Header(format="safetensors", purpose=read_purpose(machine, offer)),
        )
        return RemoteModel(model=model, bytes_per_s=0.0, read=0)
    parts = gguf_parts.Parts(are_remote=True)
    files: list[ModelFile] = []
    rate, read = 0.0, 0
    for one in offer.files:
        found, size, speed, count = _header(machine, offer, one)
        parts.add(found, name=one.name)
        read += count
        rate = max(rate, speed)
        files.append(_file(offer, RepoFile(name=one.name, size=one.size or size), machine))
    model = ModelSeen(
        wanted=str(offer.source),
        name=PurePosixPath(offer.files[0].name).name,
        is_folder=False,
        files=tuple(files),
        header=gguf.header(*parts.files),
        shape=gguf_shape.shape_of(*parts.files),
    )
    return RemoteModel(model=model, bytes_per_s=rate, read=read, parts=tuple(parts.files))


def _header(machine: Machine, offer: Download, file: RepoFile) -> tuple[GgufFile, int, float, int]:
    """Return the header of one file, the file's size, the rate (bytes per second), and the number of bytes read."""
    name = file.name
    start = read_start(
        machine,
        offer,
        next(iter(file.pieces), file),
        lambda content, size: gguf.needed_bytes(content, size or len(content), name=name),
    )
    size = file.size or start.size
    found = gguf.read_start(start.content, size or len(start.content), name=name)
    if found is None:
        raise ModelError(
            f"{name} is cut short: its header does not end",
            hint="Look for another copy of the model.",
            issue="model-damaged",
        )
    if size and found.size > size:
        raise ModelError(
            f"{name} is cut short at its source: {size} bytes of at least {found.size}",
            hint="Look for another copy of the model.",
            issue="model-damaged",
        )
    gguf_parts.refuse_appended(found, size, b"", name=name)
    return found, size, start.bytes_per_s, len(start.content)


def _file(offer: Download, file: RepoFile, machine: Machine) -> ModelFile:
    name = file.name if offer.is_folder else PurePosixPath(file.name).name
    owner = machine.folder.owner
    return ModelFile(name=name, host=PurePosixPath(offer.root / file.name), size=file.size, owner=owner, mode=0o644)
