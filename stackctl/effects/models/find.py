"""Find the files of a model: a file and its other parts, or the files of a folder that belong to it."""

import os
import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Literal

from stackctl.core.hub import ollama, pasted, raw_pieces
from stackctl.core.hub.part_names import GgufSet, name_them
from stackctl.core.model.file_signature import SUCCESSOR, advice, describe_mismatch, is_pickle
from stackctl.core.model.gguf_parts import PART
from stackctl.effects.models.caches import ggufs_below, in_cache
from stackctl.effects.models.folder import gguf_in, refuse_gap
from stackctl.effects.models.incomplete import in_pieces, is_unfinished, refuse_incomplete, unfinished_for
from stackctl.effects.models.ollama_models import find_copy
from stackctl.effects.models.reading import beginning, opened, regular
from stackctl.errors import ModelError
from stackctl.terminal import shell_word

COMPANIONS: Final = (".safetensors", ".json", ".txt", ".model", ".jinja", ".tiktoken", ".vocab")
_PICKLES: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_STEP: Final = 1 << 20
_NO_PATH: Final = re.compile(r":|\s-")  # in a name that was likely meant for a hub, or for another program


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
    if cached := in_cache(path):
        found = find(cached.path) if cached.path != path else _whole_model(path)
        return replace(found, name=cached.name or found.name)
    return _whole_model(path, wanted)


def _whole_model(path: Path, wanted: str = "") -> Found:
    if path.is_dir():
        return _in_folder(path)
    if not path.exists():
        raise ModelError(f"there is no model at {path}", hint=_nearby(path, wanted), issue="model-missing")
    size, start = regular(path).st_size, beginning(path)
    refuse_incomplete(path)
    if path.suffix.lower() == ".kcpps":
        raise ModelError(
            f"{path} holds KoboldCpp's settings, and no model",
            hint=f"Run `stackctl import {shell_word(path)}`.",
            issue="model-missing",
        )
    if path.suffix.lower() == ".safetensors":
        return Found(kind="safetensors", name=path.name, paths=(path,))
    if not start.startswith(b"GGUF"):
        what = describe_mismatch(start, size, "a model")
        if is_pickle(start) or (path.suffix.lower() in _PICKLES and not what):
            return Found(kind="pickle", name=path.name, paths=(path,))
        if path.suffix.lower() in _PICKLES:
            raise ModelError(f"{path} {what}", hint=advice(start), issue="model-format-unsupported")
    paths = _parts(path)
    return Found(kind="gguf", name=paths[0].name, paths=paths)


def _parts(path: Path) -> tuple[Path, ...]:
    """Return all parts of a split GGUF."""
    found = PART.fullmatch(path.name)
    if not found:
        return (path,)
    count = int(found["count"])
    names = [f"{found['stem']}-{number:05d}-of-{found['count']}.gguf" for number in range(1, count + 1)]
    upper = {name: f"{name[:-5]}.GGUF" for name in names}  # whoever reads it says that llama.cpp does not find it
    names = [upper[name] if (path.parent / upper[name]).is_file() else name for name in names]
    missing = tuple(name for name in names if not (path.parent / name).is_file())
    refuse_gap(path.parent, GgufSet(stem=path.stem, names=(path.name,) * (count - len(missing)), missing=missing))
    parts = tuple(path.parent / name for name in names)
    for one in parts[1:]:
        refuse_incomplete(one)
    return parts


def _in_folder(path: Path) -> Found:
    names = companions(path, (".gguf", *COMPANIONS, *_PICKLES))
    if gguf := gguf_in(path, names):
        return replace(find(path / gguf), home=path)
    name = _name(path)
    if any(n.lower().endswith(".safetensors") for n in names):
        whole = tuple(path / n for n in _whole(path, names))
        return Found(kind="safetensors", name=name, paths=whole, folder=path, home=path)
    if pickles := [n for n in names if n.lower().endswith(_PICKLES)]:
        find(path / pickles[0])  # refuses one that is something else
        return Found(kind="pickle", name=name, paths=tuple(path / n for n in pickles), folder=path, home=path)
    if gguf := gguf_in(path, ggufs_below(path)):
        return replace(_whole_model(path / gguf), home=(path / gguf).parent)
    raise _no_model(path, [one.name for one in path.iterdir()])


def _no_model(path: Path, names: list[str]) -> ModelError:
    if ggml := next((name for name in sorted(names) if name.lower().endswith(".ggml")), ""):
        return ModelError(
            f"{path} holds only a GGML model from before GGUF: {ggml}", hint=SUCCESSOR, issue="model-format-unsupported"
        )
    if pieces := raw_pieces.sets(names):
        return in_pieces(path, pieces[0])
    if unfinished := next((name for name in sorted(names) if is_unfinished(name)), ""):
        return ModelError(
            f"no model found in {path}, only an unfinished download: {unfinished}",
            hint="Wait until it is complete, or download it again.",
            issue="model-damaged",
        )
    files = [one for one in path.iterdir() if one.is_file()]
    largest = max(files, key=lambda one: one.stat().st_size, default=None)
    start = beginning(largest) if largest else b""
    if largest and not start.startswith(b"GGUF") and (what := describe_mismatch(start, len(start), "a model")):
        return ModelError(f"no model found in {path}: {largest.name} {what}", hint=advice(start), issue="model-missing")
    return ModelError(
        f"no model found in {path}",
        hint="Check for a .gguf file, or config.json and .safetensors files.",
        issue="model-missing",
    )


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
            issue="model-no-chat",
        )
    if shards.FILE in names:
        with opened(path / shards.FILE) as stream:
            size = os.fstat(stream.fileno()).st_size
            named = shards.shards(iter(partial(stream.read, _STEP), b""), size, name=str(path / shards.FILE))
        if shards.SINGLE in names and shards.SINGLE not in named:  # it is loaded then, and the index is a leftover
            return [shards.SINGLE]
        wanted = {n for n in named if "/" not in n}
    else:
        wanted = set(shards.numbered(main))
    if missing := sorted(wanted - set(names)):
        raise ModelError(
            f"{path} is incomplete: {len(missing)} of its {len(wanted)} parts are missing: {name_them(missing)}",
            hint="Put all parts of the model into the folder.",
            issue="model-parts-wrong",
        )
    return sorted(wanted) or main


def _elsewhere(wanted: str) -> str:
    """Return the hint for a path that is the name of a model at a hub; "" if it is none."""
    bare = pasted.unwrapped(wanted)
    name = ollama.model_name(bare)
    if copy := find_copy(name or ollama.full_name(bare)):
        return ollama.hint_at_copy(str(copy))
    return ollama.refusal(wanted).hint if name else pasted.hint_at_source(wanted)


def _nearby(path: Path, wanted: str) -> str:
    if elsewhere := _elsewhere(wanted):
        return elsewhere
    if path.is_symlink():
        return f"Download the model again: {path.name} is a link to {path.readlink()}, which does not exist."
    if not path.parent.is_dir():
        is_short = not Path(wanted).is_absolute() and path.suffix.lower() != ".gguf"
        if is_short or _NO_PATH.search(str(path)):
            return "Write a model at Hugging Face as `hf:OWNER/NAME:Q4_K_M` or `hf:OWNER/NAME/FILE`, or check the path."
        return f"Check whether its disk or share is mounted: {path.parent} does not exist, either."
    names = sorted(p.name for p in path.parent.iterdir())
    if pieces := next((one for one in raw_pieces.sets(names) if one.whole == path.name), None):
        return in_pieces(path.parent / pieces.names[0], pieces).hint
    if unfinished := unfinished_for(path):
        return f"Wait until {unfinished.name} is complete, which lies there, or download it again."
    others = [name for name in names if name.lower().endswith(".gguf")][:5]
    return (
        f"Choose from that folder: {', '.join(others)}."
        if others
        else "Check the path: stack.toml's paths are relative to its folder."
    )
