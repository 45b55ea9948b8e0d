"""A model's files as planning needs them: their paths, owners and headers."""

import os
import time
from pathlib import Path, PurePosixPath

from stackctl.contracts.host import Owner
from stackctl.core.config.files import DEMO
from stackctl.core.model import demo_model, gguf, gguf_shape
from stackctl.core.model.model import ModelFile, ModelSeen
from stackctl.effects.models.find import Found, companions, find
from stackctl.effects.models.reading import headers, opened, readable, regular, where
from stackctl.errors import ModelError
from stackctl.terminal import shell_word

_MEASURE_FROM = 1 << 30  # bytes; smaller models load quickly anyway
_SAMPLE = 32 << 20


def observe_model(wanted: str, folder: Path, owner: Owner) -> ModelSeen:
    """Find the model that stack.toml names; raise ModelError if something is wrong with it."""
    if wanted == DEMO:
        return _demo(folder, owner)
    path = where(wanted, folder)
    with readable(path):
        found = find(path, wanted)
        if found.kind == "gguf":
            return _gguf(wanted, found)
        if found.kind == "pickle":
            holds = "holds PyTorch pickles" if found.folder else "is a PyTorch pickle"
            raise ModelError(
                f"{path} {holds}, which can run any code when loaded",
                hint="Choose the .safetensors or a .gguf of the same model.",
                issue="model-format-unsupported",
            )
        return _folder(wanted, found)


def _demo(folder: Path, owner: Owner) -> ModelSeen:
    raw = demo_model.gguf_bytes()
    file = ModelFile(
        name=demo_model.FILE_NAME,
        host=PurePosixPath(folder.resolve() / demo_model.FILE_NAME),
        size=len(raw),
        owner=owner,
        mode=0o644,
    )
    found = gguf.read(raw, len(raw), name=file.name)
    return ModelSeen(
        wanted=DEMO,
        name=file.name,
        is_folder=False,
        files=(file,),
        header=gguf.header(found),
        shape=gguf_shape.shape_of(found),
    )


def _gguf(wanted: str, found: Found) -> ModelSeen:
    parts = headers(found.paths)
    names = (found.name, *(one.name for one in found.paths[1:]))  # a cache may call the first one by a hash
    return ModelSeen(
        wanted=wanted,
        name=found.name,
        is_folder=False,
        files=tuple(_file(one, name) for one, name in zip(found.paths, names, strict=True)),
        header=gguf.header(*parts),
        shape=gguf_shape.shape_of(*parts),
        read_mib_s=_read_rate(found.paths[0]),
    )


def _folder(wanted: str, found: Found) -> ModelSeen:
    from stackctl.core.model import safetensors
    from stackctl.effects.models.contents import described

    path = found.folder
    if path is None:
        first = found.paths[0]
        raise ModelError(
            f"{first} is one file of a safetensors model", hint=f"Name its folder: {shell_word(first.parent)}"
        )
    names = companions(path)
    if "config.json" not in names:
        raise ModelError(
            f"{path} has no config.json, without which no backend loads its safetensors",
            hint="Download it from where the model came from: all .json files of its page are needed.",
            issue="model-damaged",
        )
    files = tuple(_file(path / name, name) for name in names)
    tensor_files, words = described(found)
    packing = safetensors.quantisation(words.config, (mark for one in tensor_files for mark in one.marks))
    return ModelSeen(
        wanted=wanted, name=found.name, is_folder=True, files=files, header=safetensors.header(words, packing)
    )


def _file(path: Path, name: str) -> ModelFile:
    if any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in name):
        raise ModelError(f"the name {name!r} has control characters", hint="Rename the file.")
    found = regular(path)
    real = Path(os.path.realpath(path, strict=True))
    try:
        f"{name}{real}".encode()
    except UnicodeEncodeError as e:
        raise ModelError(f"the path {str(real)!r} is not UTF-8", hint="Rename the file or its folder.") from e
    return ModelFile(
        name=name,
        host=PurePosixPath(real),
        size=found.st_size,
        owner=Owner(uid=found.st_uid, gid=found.st_gid),
        mode=found.st_mode & 0o777,
        modified_ns=found.st_mtime_ns,
    )


def _read_rate(path: Path) -> float:
    """Return the disk's MiB/s, measured on a stretch of the file that is not cached; 0.0 for a small file."""
    with opened(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size < _MEASURE_FROM:
            return 0.0
        middle = size // 2
        os.posix_fadvise(stream.fileno(), middle, _SAMPLE, os.POSIX_FADV_DONTNEED)
        began = time.monotonic()
        read = len(os.pread(stream.fileno(), _SAMPLE, middle))
        return read / 2**20 / max(time.monotonic() - began, 1e-6)
