"""What other programs have fetched: a file that a repository has, too, and all their models, by names and sizes alone.

Sources: huggingface_hub/constants.py (HF_HUB_CACHE, HF_HOME); llama.cpp, common/common.cpp (LLAMA_CACHE); LM Studio's
docs (~/.lmstudio/models/OWNER/NAME, before 2025 ~/.cache/lm-studio); caches.py says what lies in them. A blob is
named by its sha256 at Hugging Face and at Ollama.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from stackctl.core.hub import ollama
from stackctl.core.hub.cached import CachedModel, Program
from stackctl.core.hub.part_names import gguf_sets
from stackctl.core.hub.source import RepoFile, is_main
from stackctl.effects.models.caches import ggufs_below, manifests, read_manifest
from stackctl.effects.models.ollama_models import folders as ollama_folders

HUB: Final = "Hugging Face"
STUDIO: Final = "LM Studio"
LLAMACPP: Final = "llama.cpp"
OLLAMA: Final = "Ollama"
Places = Mapping[Program, tuple[Path, ...]]  # folders, which may not exist
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_REPOSITORY: Final = "models--"
_MOST: Final = 500  # models of one cache


def places_here(environment: Mapping[str, str] = os.environ) -> Places:
    """Return where other programs keep models, by their settings and by default."""
    home = Path(environment.get("HOME") or "/")
    cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    named = (environment.get(key, "") for key in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"))
    hub_home = environment.get("HF_HOME", "")
    return {
        HUB: (*(Path(one) for one in named if one), Path(hub_home or cache / "huggingface") / "hub"),
        STUDIO: (home / ".lmstudio" / "models", home / ".cache" / "lm-studio" / "models"),
        LLAMACPP: (Path(environment.get("LLAMA_CACHE") or cache / "llama.cpp"),),
        OLLAMA: tuple(ollama_folders()),
    }


def find_file(repo: str, file: RepoFile, places: Places) -> Path | None:
    """Return a file of the name or the blob of a repository's file, with its size; None if no program has one.

    Its content was not compared. repo: "owner/name".
    """
    if not _SHA256.fullmatch(file.sha256) or not file.size:
        return None
    owner, _, name = repo.partition("/")
    inside: tuple[tuple[Program, str], ...] = (
        (HUB, f"{_REPOSITORY}{owner}--{name}/blobs/{file.sha256}"),
        (STUDIO, f"{repo}/{file.name}"),
        (LLAMACPP, f"{owner}_{name}_{file.name.replace('/', '_')}"),
        *((OLLAMA, f"{ollama.BLOBS}/{blob}") for blob in ollama.blob_names(file.sha256)),
    )
    candidates = (folder / path for program, path in inside for folder in places[program])
    return next((one.resolve() for one in candidates if _size(one) == file.size), None)


def list_models(places: Places) -> tuple[CachedModel, ...]:
    """Return the GGUF models in other programs' caches, each file once; what can't be read is left out."""
    found: dict[Path, CachedModel] = {}
    for program, folders in places.items():
        for folder in folders:
            with suppress(OSError):
                for one in islice(_models_in(program, folder), _MOST):
                    found.setdefault(Path(one.path).resolve(), one)
    return tuple(sorted(found.values(), key=lambda one: (one.program, one.name, one.path)))


def _models_in(program: Program, folder: Path) -> Iterator[CachedModel]:
    if not folder.is_dir():
        return
    if program == OLLAMA:
        yield from _of_ollama(folder)
        return
    for one in gguf_sets(ggufs_below(folder)):
        sizes = [_size(folder / name) for name in one.names]
        if not one.missing and all(sizes) and is_main(one.names[0]):
            yield CachedModel(
                program=program, name=_name(one.names[0]), path=str(folder / one.names[0]), size=sum(sizes)
            )


def _of_ollama(folder: Path) -> Iterator[CachedModel]:
    for one in sorted(manifests(folder)):
        manifest = read_manifest(one)
        blobs: Iterable[str] = ollama.blob_names(manifest.models[0]) if manifest and manifest.models else ()
        size = next(filter(None, (_size(folder / ollama.BLOBS / blob) for blob in blobs)), 0)
        if size:
            place = one.relative_to(folder / ollama.MANIFESTS).as_posix()
            yield CachedModel(
                program=OLLAMA, name=ollama.short_name(ollama.name_of_place(place)), path=str(one), size=size
            )


def _name(path: str) -> str:
    """Return OWNER/NAME/FILE for a path in Hugging Face's cache; any other is a name already."""
    parts = path.split("/")
    if parts[0].startswith(_REPOSITORY) and parts[1:2] == ["snapshots"]:
        return "/".join((parts[0].removeprefix(_REPOSITORY).replace("--", "/", 1), *parts[3:]))
    return path


def _size(path: Path) -> int:
    """Return the bytes of a file; 0 if there is none, or none that this user may look at."""
    with suppress(OSError):
        return path.stat().st_size if path.is_file() else 0
    return 0
