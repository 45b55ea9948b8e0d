"""Model files on this machine: found, resolved, read as far as planning needs."""

import mmap
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from stackctl.core import demo_model, gguf, safetensors
from stackctl.core.fit import gguf_shape
from stackctl.core.gguf import GgufFile
from stackctl.core.seen import ModelFile, ModelSeen, Owner
from stackctl.core.spec import DEMO
from stackctl.errors import ModelError

_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.DOTALL)
_FOLDER_FILES = (".safetensors", ".json", ".txt", ".model", ".jinja", ".tiktoken", ".vocab")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_INDEX = "model.safetensors.index.json"
_MEASURE_FROM = 1 << 30  # bytes; smaller models load in no time
_SAMPLE = 32 << 20
_LONGEST_TEXT = 4 << 20  # bytes; a chat template has some ten thousand


def look(wanted: str, folder: Path, owner: Owner) -> ModelSeen:
    """Find the model that stack.toml names; raise ModelError that says what is wrong with it."""
    if wanted == DEMO:
        return _demo(folder, owner)
    path = folder / Path(wanted).expanduser()
    try:
        if path.is_dir():
            return _look_folder(wanted, path)
        return _look_gguf(wanted, path)
    except OSError as e:
        raise ModelError(f"{path} can't be read: {e.strerror}", hint="check the path and its permissions") from e


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
        shape=gguf_shape.of(found),
    )


def _look_gguf(wanted: str, path: Path) -> ModelSeen:
    if not path.is_file():
        raise ModelError(f"there is no model at {path}", hint=_nearby(path))
    paths = _shards(path)
    parts = [_header(one) for one in paths]
    files = tuple(_file(one, one.name) for one in paths)
    return ModelSeen(
        wanted=wanted,
        name=paths[0].name,
        is_folder=False,
        files=files,
        header=gguf.header(parts[0]),
        shape=gguf_shape.of(*parts),
        read_mib_s=_read_rate(paths[0]),
    )


def _shards(path: Path) -> list[Path]:
    found = _SHARD.fullmatch(path.name)
    if not found:
        return [path]
    count = int(found["count"])
    names = [f"{found['stem']}-{number:05d}-of-{found['count']}.gguf" for number in range(1, count + 1)]
    missing = [name for name in names if not (path.parent / name).is_file()]
    if missing:
        raise ModelError(
            f"{path.name} is one of {count} parts, and {len(missing)} are missing in {path.parent}: {missing[0]}",
            hint="put all parts into one folder",
        )
    return [path.parent / name for name in names]


def _look_folder(wanted: str, path: Path) -> ModelSeen:
    names = sorted(entry.name for entry in path.iterdir())
    starts = [n for n in names if n.endswith(".gguf") and not n.startswith("mmproj") and _is_first(n)]
    if len(starts) == 1:
        return _look_gguf(wanted, path / starts[0])
    if starts:
        raise ModelError(
            f"{path} holds {len(starts)} models", hint="name one: " + ", ".join(str(path / name) for name in starts[:5])
        )
    if any(n.endswith(".safetensors") for n in names) and "config.json" in names:
        files = tuple(_file(path / n, n) for n in names if n.endswith(_FOLDER_FILES))
        texts = {name: _text(path / name) for name in safetensors.FILES if name in names}
        return ModelSeen(wanted=wanted, name=path.name, is_folder=True, files=files, header=safetensors.header(texts))
    if any(n.endswith(_PICKLES) for n in names):
        raise ModelError(
            f"{path} holds PyTorch pickles, which can run any code when loaded",
            hint="take the .safetensors or a .gguf of the same model",
        )
    raise ModelError(f"{path} holds no model", hint="it needs one .gguf file, or config.json and .safetensors files")


@dataclass(frozen=True, kw_only=True)
class Inside:
    """The headers of a model's files, and the texts beside them."""

    gguf_files: tuple[GgufFile, ...] = ()
    tensor_files: tuple[safetensors.Tensors, ...] = ()  # of safetensors
    texts: Mapping[str, str] = field(default_factory=dict)
    size: int = 0  # bytes of all files
    is_pickle: bool = False


def inside(wanted: str, folder: Path) -> Inside:
    """Read every header of a model's file or folder; raise ModelError that says what is wrong with it."""
    path = folder / Path(wanted).expanduser()
    try:
        if path.is_dir():
            return _inside_folder(path)
        if path.is_file() and path.suffix == ".safetensors":
            return _weights([path], path.parent)
        if path.is_file() and (path.suffix in _PICKLES or _begins(path, b"PK\x03\x04")):
            return Inside(size=path.stat().st_size, is_pickle=True)
        if not path.is_file():
            raise ModelError(f"there is no model at {path}", hint=_nearby(path))
        paths = _shards(path)
        return Inside(gguf_files=tuple(_header(one) for one in paths), size=sum(one.stat().st_size for one in paths))
    except OSError as e:
        raise ModelError(f"{path} can't be read: {e.strerror}", hint="check the path and its permissions") from e


def _inside_folder(path: Path) -> Inside:
    names = sorted(entry.name for entry in path.iterdir())
    starts = [n for n in names if n.endswith(".gguf") and not n.startswith("mmproj") and _is_first(n)]
    if len(starts) == 1:
        return inside(starts[0], path)
    weights = [path / n for n in names if n.endswith(".safetensors")]
    if weights and not starts:
        index = _text(path / _INDEX) if _INDEX in names else ""
        missing = sorted(safetensors.shards(index) - set(names))
        if missing:
            raise ModelError(
                f"{path} is not whole: {len(missing)} of its parts are missing, such as {missing[0][:80]}",
                hint="put all parts that model.safetensors.index.json names into the folder",
            )
        return _weights(weights, path)
    if not starts and any(n.endswith(_PICKLES) for n in names):
        return Inside(size=sum((path / n).stat().st_size for n in names if n.endswith(_PICKLES)), is_pickle=True)
    _look_folder(str(path), path)  # says what is wrong
    raise ModelError(f"{path} holds no model", hint="it needs one .gguf file, or config.json and .safetensors files")


def _weights(paths: list[Path], folder: Path) -> Inside:
    texts = {name: _text(folder / name) for name in safetensors.FILES if (folder / name).is_file()}
    found = []
    for one in paths:
        size = one.stat().st_size
        with one.open("rb") as stream:
            start = stream.read(8)
            start += stream.read(min(int.from_bytes(start, "little"), safetensors.LONGEST_HEADER))
        found.append(safetensors.tensors(start, size, name=str(one)))
    return Inside(tensor_files=tuple(found), texts=texts, size=sum(one.stat().st_size for one in paths))


def _begins(path: Path, mark: bytes) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(mark)) == mark


def _text(path: Path) -> str:
    """The start of a text file of a model's folder, which is all of it but for a tokenizer's vocabulary."""
    with path.open("rb") as stream:
        return stream.read(_LONGEST_TEXT).decode("utf-8", "replace")


def _is_first(name: str) -> bool:
    found = _SHARD.fullmatch(name)
    return not found or int(found["number"]) == 1


def _file(path: Path, name: str) -> ModelFile:
    if any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in name):
        raise ModelError(f"the name {name!r} has control characters", hint="rename the file")
    real = path.resolve(strict=True)
    try:
        f"{name}{real}".encode()
    except UnicodeEncodeError as e:
        raise ModelError(f"the path {str(real)!r} is not UTF-8", hint="rename the file or its folder") from e
    stat = real.stat()
    return ModelFile(
        name=name,
        host=PurePosixPath(real),
        size=stat.st_size,
        owner=Owner(uid=stat.st_uid, gid=stat.st_gid),
        mode=stat.st_mode & 0o777,
        modified_ns=stat.st_mtime_ns,
    )


def _header(path: Path) -> GgufFile:
    size = path.stat().st_size
    with path.open("rb") as stream:
        if not size:
            return gguf.read(b"", 0, name=str(path))
        # not closed here: an error on its way up still holds views of the map
        mapped = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        return gguf.read(mapped, size, name=str(path))


def _read_rate(path: Path) -> float:
    """MiB/s of the disk, measured on a stretch of the file that is not in memory; 0.0: not worth it."""
    size = path.stat().st_size
    if size < _MEASURE_FROM:
        return 0.0
    with path.open("rb", buffering=0) as stream:
        middle = size // 2
        os.posix_fadvise(stream.fileno(), middle, _SAMPLE, os.POSIX_FADV_DONTNEED)
        began = time.monotonic()
        read = len(os.pread(stream.fileno(), _SAMPLE, middle))
        return read / 2**20 / max(time.monotonic() - began, 1e-6)


def _nearby(path: Path) -> str:
    if not path.parent.is_dir():
        return f"{path.parent} does not exist either; is the disk or share mounted?"
    others = sorted(p.name for p in path.parent.glob("*.gguf"))[:5]
    return (
        f"in that folder: {', '.join(others)}" if others else "check the path; stack.toml's paths count from its folder"
    )
