"""The models in other programs' caches, by the folders and files that those programs keep there.

Sources: huggingface_hub, guides/manage-cache (models--OWNER--NAME with refs/, blobs/ and snapshots/REVISION, whose
files are links into blobs); llama.cpp, common/download.cpp (manifest=OWNER=NAME=TAG.json next to OWNER_NAME_FILE, and
since 2026 Hugging Face's own cache); Ollama's are in core/hub/ollama.py. LM Studio's models/OWNER/NAME holds files.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from stackctl.core.hub import ollama
from stackctl.effects.models.reading import beginning
from stackctl.errors import ModelError, SeveralModels
from stackctl.terminal import command_line, shell_word

_REPOSITORY: Final = "models--"
_LONGEST: Final = 1 << 20  # bytes of a manifest
_DEEPEST: Final = 4  # folders below one that is named: OWNER/NAME/snapshots/REVISION
_MOST: Final = 10_000  # folders that are looked at
_SHOWN: Final = 8


@dataclass(frozen=True, kw_only=True)
class Cached:
    """What a name in a cache stands for. `name`: how a program shall see the file; "" for its own name."""

    path: Path
    name: str = ""


def in_cache(path: Path) -> Cached | None:
    """Return the file or folder that a path in a cache stands for; None if it stands for itself.

    Raise ModelError for a cache of several models, or one that lacks what it names.
    """
    if path.is_dir():
        next(path.iterdir(), None)  # raises OSError for a folder that this user may not read, and names that one
    for find in (_of_ollama, _of_hub, _of_llamacpp):
        if found := find(path):
            return found
    return None


def ggufs_below(folder: Path) -> list[str]:
    """Return the names of all GGUF files in the folders below one, relative to it; links are not followed."""
    found: list[str] = []
    for place, folders, names in islice(os.walk(folder), _MOST):
        inside = Path(place).relative_to(folder)
        folders[:] = sorted(one for one in folders if len(inside.parts) < _DEEPEST and not one.startswith("."))
        found += [str(inside / name) for name in sorted(names) if name.lower().endswith(".gguf")]
    return found


def several_models(path: Path, found: Iterable[Path]) -> SeveralModels:
    """Return the error for a folder that holds several models."""
    listed = list(found)
    return SeveralModels(
        f"{path} holds {len(listed)} models",
        hint="Name one: " + ", ".join(shell_word(one) for one in listed[:_SHOWN]),
        paths=tuple(map(str, listed)),
    )


# -- Ollama


def _of_ollama(path: Path) -> Cached | None:
    root = _ollama_root(path)
    if root is None:
        return None
    if path.is_dir():
        if path.name == ollama.BLOBS:
            path = root
        found = sorted(manifests(path if root in path.parents else root))
        if len(found) > 1:
            raise several_models(path, found)
        return _of_manifest(found[0], root) if found else None
    if ollama.blob_digest(path.name):
        return _of_blob(path, root)
    return _of_manifest(path if path.is_file() else _manifest_of_name(path, root), root)


def _ollama_root(path: Path) -> Path | None:
    """Return Ollama's folder of models, which a path is, lies in, or holds as `models`."""
    for one in (path, path / "models", *path.parents):
        if (one / ollama.MANIFESTS).is_dir() and (one / ollama.BLOBS).is_dir():
            return one
    return None


def manifests(folder: Path) -> Iterator[Path]:
    """Give the manifests of the models in Ollama's folder of models, or in a folder of its manifests."""
    top = folder / ollama.MANIFESTS if (folder / ollama.MANIFESTS).is_dir() else folder
    for place, _, names in os.walk(top):
        for name in names:
            manifest = read_manifest(Path(place, name))
            if manifest and manifest.models:
                yield Path(place, name)


def read_manifest(path: Path) -> ollama.Manifest | None:
    with suppress(OSError, ModelError):
        return ollama.read_manifest(beginning(path, _LONGEST).decode("utf-8", "replace"))
    return None


def _manifest_of_name(path: Path, root: Path) -> Path:
    """Return the manifest for a path that ends as `mistral:7b`, in the folder of models or of manifests."""
    top = root / ollama.MANIFESTS
    name = str(path.relative_to(top if top in path.parents else root))
    full = ollama.full_name(name)
    return root / ollama.manifest_place(full) if full else path


def _of_manifest(path: Path, root: Path) -> Cached | None:
    top = root / ollama.MANIFESTS
    if not path.is_file() or top not in path.parents:
        return None
    manifest = read_manifest(path)
    name = ollama.name_of_place(path.relative_to(top).as_posix())
    short = ollama.short_name(name)
    if manifest is None or not manifest.models:
        raise ModelError(f"{path} names no GGUF: Ollama has {short} in another form", hint="Choose another model.")
    blobs = [root / ollama.BLOBS / one for one in ollama.blob_names(manifest.models[0])]
    blob = next((one for one in blobs if one.is_file()), None)
    if blob is None:
        raise ModelError(
            f"{short} is not complete in {root}: {blobs[0].name} is missing",
            hint=f"Pull it again: `{command_line('ollama', 'pull', short)}`.",
            issue="model-damaged",
        )
    if manifest.adapters:
        raise ModelError(
            f"{short} is a model with a LoRA adapter, which stackctl does not load",
            hint=f"Use the model without it: `{shell_word(blob)}`.",
            issue="model-no-chat",
        )
    return Cached(path=blob, name=ollama.file_name(name))


def _of_blob(path: Path, root: Path) -> Cached:
    """Return a blob with the name of the model that it is part of; without one it keeps a piece of its digest."""
    digest = ollama.blob_digest(path.name)
    for one in sorted(manifests(root)):
        manifest = read_manifest(one)
        if manifest and digest in manifest.models:
            place = one.relative_to(root / ollama.MANIFESTS).as_posix()
            return Cached(path=path, name=ollama.file_name(ollama.name_of_place(place)))
    return Cached(path=path, name=f"sha256-{digest[:12]}.gguf")


# -- Hugging Face, and llama.cpp of today


def _of_hub(path: Path) -> Cached | None:
    if path.name in {"snapshots", "blobs"} and path.parent.name.startswith(_REPOSITORY):
        path = path.parent
    if path.parent.name == "blobs" and path.parent.parent.name.startswith(_REPOSITORY):
        return _named_by_link(path)
    if path.name.startswith(_REPOSITORY) and path.is_dir():
        return Cached(path=_snapshot(path))
    hub = next((one for one in (path, path / "hub") if one.is_dir() and any(one.glob(f"{_REPOSITORY}*"))), None)
    if hub is None or any(path.glob("*.gguf")):
        return None
    repositories = sorted(one for one in hub.glob(f"{_REPOSITORY}*") if any(one.glob("snapshots/*/*")))
    if len(repositories) > 1:
        raise several_models(path, repositories)
    return Cached(path=_snapshot(repositories[0])) if repositories else None


def _snapshot(repository: Path) -> Path:
    """Return the folder of the revision that `main` means, or of the only one."""
    main = repository / "refs" / "main"
    snapshots = sorted(one for one in repository.glob("snapshots/*") if one.is_dir())
    if main.is_file():
        wanted = repository / "snapshots" / main.read_text("utf-8", "replace").strip()
        if wanted in snapshots:
            return wanted
    if len(snapshots) == 1:
        return snapshots[0]
    if snapshots:
        raise several_models(repository, snapshots)
    name = "/".join(repository.name.removeprefix(_REPOSITORY).split("--", 1))
    raise ModelError(
        f"{repository} has no file of {name} yet",
        hint=f"Download it: `{command_line('hf', 'download', name)}`.",
        issue="model-missing",
    )


def _named_by_link(path: Path) -> Cached | None:
    """Return a blob with the name that a snapshot has for it; None if no snapshot has one."""
    for link in sorted(path.parent.parent.glob("snapshots/**/*")):
        if link.is_symlink() and link.resolve() == path.resolve():
            return Cached(path=link)
    return None


# -- llama.cpp until 2026


def _of_llamacpp(path: Path) -> Cached | None:
    """Return the file that llama.cpp's manifest=OWNER=NAME=TAG.json names, which lies beside it."""
    if not (path.name.startswith("manifest=") and path.name.endswith(".json") and path.is_file()):
        return None
    try:
        _, owner, name, _ = path.name.split("=", 3)
        file = json.loads(beginning(path, _LONGEST))["ggufFile"]["rfilename"]
        model = path.with_name(f"{owner}_{name}_{file.replace('/', '_')}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not model.is_file():
        raise ModelError(
            f"{path.name} names {model.name}, which is not in {path.parent}",
            hint="Download it again.",
            issue="model-missing",
        )
    return Cached(path=model)
