"""All that a model's files say about it. Every header is read, and nothing is run."""

import os
from pathlib import Path, PurePosixPath

from stackctl.core.model import model_card, safetensors
from stackctl.core.model.contents import Contents
from stackctl.core.model.file_signature import ENOUGH
from stackctl.core.model.model_card import Card
from stackctl.core.model.safetensors import Words
from stackctl.core.model.safetensors_header import LONGEST, Tensors, tensors
from stackctl.effects.models.find import Found, find
from stackctl.effects.models.reading import beginning, headers, opened, readable, regular, where
from stackctl.errors import ModelError

_NEEDED = "config.json"


def contents(wanted: str, folder: Path) -> Contents:
    """Read every header of a model's file or folder; raise ModelError if something is wrong with it."""
    path = where(wanted, folder)
    with readable(path):
        found = find(path, wanted)
        size = sum(one.stat().st_size for one in found.paths)
        card = _card(found)
        if found.kind == "gguf":
            return Contents(
                name=found.name, path=PurePosixPath(path), size=size, card=card, gguf_files=headers(found.paths)
            )
        if found.kind == "pickle":
            return Contents(name=found.name, path=PurePosixPath(path), size=size, card=card, is_pickle=True)
        tensor_files, words = described(found)
        return Contents(
            name=found.name, path=PurePosixPath(path), size=size, card=card, tensor_files=tensor_files, words=words
        )


def described(found: Found) -> tuple[tuple[Tensors, ...], Words]:
    """Return the headers of all weights of a safetensors model, and the texts of its small files."""
    folder = found.folder or found.paths[0].parent
    texts: dict[str, str] = {}
    for name, longest in safetensors.FILES.items():
        path = folder / name
        if not path.exists():
            continue
        if regular(path).st_size <= longest or not longest:
            texts[name] = beginning(path, longest).decode("utf-8", "replace")
        elif name == _NEEDED:
            raise ModelError(f"{path} is longer than any model's", hint="Check that it belongs to a model.")
    return tuple(_tensors(one) for one in found.paths), safetensors.words(texts, folder=str(folder))


def _card(found: Found) -> Card:
    path = found.home / model_card.FILE if found.home else None
    if not path or not path.is_file():
        return Card()
    return model_card.read(beginning(path, model_card.ENOUGH).decode("utf-8", "replace"))


def _tensors(path: Path) -> Tensors:
    with opened(path) as stream:
        start = stream.read(ENOUGH)
        length = int.from_bytes(start[:8], "little") + 8
        if ENOUGH < length <= LONGEST + 8:
            start += stream.read(length - ENOUGH)
        return tensors(start, os.fstat(stream.fileno()).st_size, name=str(path))
