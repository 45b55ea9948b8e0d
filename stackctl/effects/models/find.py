"""Find the files of a model: a file and its other parts, or the files of a folder that belong to it."""

import os
import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Literal

from stackctl.core.hub import ollama, pasted
from stackctl.core.hub.source import is_main
from stackctl.core.model.file_signature import advice, describe_mismatch, is_pickle
from stackctl.effects.models.ollama_models import find_copy
from stackctl.effects.models.reading import beginning, opened, regular
from stackctl.errors import ModelError
from stackctl.terminal import shell_word

COMPANIONS: Final = (".safetensors", ".json", ".txt", ".model", ".jinja", ".tiktoken", ".vocab")
_PICKLES: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_SHARD: Final = re.compile(r"(?P<stem>.+)-(?P<number>[0-9]{5})-of-(?P<count>(?!0{5})[0-9]{5})\.gguf", re.DOTALL)
_SINGLE: Final = "model.safetensors"
_STEP: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Found:
    """A model's files with weights; a program needs the path of the first."""

    kind: Literal["gguf", "safetensors", "pickle"]
    name: str  # the file's name, or the folder's if the model is a whole folder
    paths: tuple[Path, ...]
    folder: Path | None = None  # set if the model is a whole folder
    home: Path | None = None  # the model's folder, with its card, if the user named it


def find(path: Path, wanted: str = "") -> Found:
    """Return the model at a path; raise ModelError if there is none, or an incomplete one.

    `wanted`: the path as the user wrote it, which may be the name of a model elsewhere.
    """
    if path.is_dir():
        return _in_folder(path)
    if not path.exists():
        raise ModelError(f"there is no model at {path}", hint=_nearby(path, wanted))
    size, start = regular(path).st_size, beginning(path)
    if path.suffix.lower() == ".safetensors":
        return Found(kind="safetensors", name=path.name, paths=(path,))
    if not start.startswith(b"GGUF"):
        what = describe_mismatch(start, size, "a model")
        if is_pickle(start) or (path.suffix.lower() in _PICKLES and not what):
            return Found(kind="pickle", name=path.name, paths=(path,))
        if path.suffix.lower() in _PICKLES:
            raise ModelError(f"{path} {what}", hint=advice(start))
    paths = _parts(path)
    return Found(kind="gguf", name=paths[0].name, paths=paths)


def _parts(path: Path) -> tuple[Path, ...]:
    """Return all parts of a split GGUF."""
    found = _SHARD.fullmatch(path.name)
    if not found:
        return (path,)
    count = int(found["count"])
    names = [f"{found['stem']}-{number:05d}-of-{found['count']}.gguf" for number in range(1, count + 1)]
    missing = [name for name in names if not (path.parent / name).is_file()]
    if missing:
        raise ModelError(
            f"{path.name} is one of {count} parts, and {len(missing)} are missing in {path.parent}: {missing[0]}",
            hint="Put all parts into one folder.",
        )
    return tuple(path.parent / name for name in names)


def _in_folder(path: Path) -> Found:
    names = [n for n in companions(path, (".gguf", *COMPANIONS, *_PICKLES)) if is_main(n)]
    starts = [n for n in names if n.lower().endswith(".gguf") and _is_first(n)]
    if len(starts) == 1:
        return replace(find(path / starts[0]), home=path)
    if starts:
        raise ModelError(
            f"{path} holds {len(starts)} models",
            hint="Name one: " + ", ".join(shell_word(path / name) for name in starts[:5]),
        )
    name = _name(path)
    if any(n.lower().endswith(".safetensors") for n in names):
        whole = tuple(path / n for n in _whole(path, names))
        return Found(kind="safetensors", name=name, paths=whole, folder=path, home=path)
    if pickles := [n for n in names if n.lower().endswith(_PICKLES)]:
        return Found(kind="pickle", name=name, paths=tuple(path / n for n in pickles), folder=path, home=path)
    raise ModelError(f"no model found in {path}", hint="Check for a .gguf file, or config.json and .safetensors files.")


def _name(path: Path) -> str:
    """Return a folder's name; in Hugging Face's cache, where it is a hash, the repository's name."""
    path = path if path.name.strip(".") else path.resolve()
    repository = path.parent.parent.name
    if path.parent.name == "snapshots" and repository.startswith("models--"):
        return repository.rpartition("--")[2]
    return path.name


def companions(path: Path, endings: tuple[str, ...] = COMPANIONS) -> list[str]:
    """Return the names of the files in a folder that belong to a model."""
    names = sorted(one.name for one in path.iterdir() if one.name.lower().endswith(endings))
    return [n for n in names if not (path / n).is_dir()]


def _whole(path: Path, names: list[str]) -> list[str]:
    """Return the names of a folder's files with weights; raise ModelError if one is missing."""
    from stackctl.core.model import shards

    main = shards.weights(names)
    if all(n.startswith(shards.ADAPTER) for n in main):
        raise ModelError(
            f"{path} holds a LoRA adapter, which changes another model but is not a model itself",
            hint="Name the model that it was made for.",
        )
    if shards.FILE in names:
        with opened(path / shards.FILE) as stream:
            size = os.fstat(stream.fileno()).st_size
            named = shards.shards(iter(partial(stream.read, _STEP), b""), size, name=str(path / shards.FILE))
        if _SINGLE in names and _SINGLE not in named:  # it is loaded then, and the index is a leftover
            return [_SINGLE]
        wanted = {n for n in named if "/" not in n}
    else:
        wanted = set(shards.numbered(main))
    if missing := sorted(wanted - set(names)):
        raise ModelError(
            f"{path} is incomplete: {len(missing)} of its parts are missing, such as {missing[0][:80]}",
            hint="Put all parts of the model into the folder.",
        )
    return sorted(wanted) or main


def _is_first(name: str) -> bool:
    found = _SHARD.fullmatch(name)
    return not found or int(found["number"]) == 1


def _elsewhere(wanted: str) -> str:
    """Return the hint for a path that is the name of a model at a hub; "" if it is none."""
    if name := ollama.model_name(pasted.unwrapped(wanted)):
        if copy := find_copy(name):
            return ollama.hint_at_copy(copy)
        return ollama.refusal(wanted).hint
    return pasted.hint_at_source(wanted)


def _nearby(path: Path, wanted: str) -> str:
    if elsewhere := _elsewhere(wanted):
        return elsewhere
    if not path.parent.is_dir():
        return f"Check whether its disk or share is mounted: {path.parent} does not exist, either."
    others = sorted(p.name for p in path.parent.glob("*.gguf"))[:5]
    return (
        f"Choose from that folder: {', '.join(others)}."
        if others
        else "Check the path: stack.toml's paths are relative to its folder."
    )
