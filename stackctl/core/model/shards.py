"""Finds the weights among a folder's files: by their names, or by model.safetensors.index.json.

The index may have tens of megabytes, and is read as a stream.
"""

import json
import re
from collections.abc import Iterable
from typing import Final

from stackctl.core.hub.source import name_fault
from stackctl.core.model.file_signature import ENOUGH, advice, describe_mismatch
from stackctl.errors import ModelError

FILE: Final = "model.safetensors.index.json"
SINGLE: Final = "model.safetensors"  # the weights of a model that has no other parts
LONGEST: Final = 128 << 20  # bytes; a million tensors
_MAX_FILES: Final = 10_000
_MAP: Final = re.compile(rb'"weight_map"\s*:\s*\{')
_TEXT: Final = rb'"((?:[^"\\]|\\.){0,2000}+)"'
_ENTRY: Final = re.compile(rb"\s*" + _TEXT + rb"\s*:\s*" + _TEXT + rb"\s*([,}])", re.DOTALL)
_NONE: Final = re.compile(rb"\s*}")
_NUMBERED: Final = re.compile(r"(?P<stem>.+)-[0-9]{5}-of-(?P<count>[0-9]{5})\.safetensors", re.DOTALL)
ADAPTER: Final = "adapter_model"
_OTHERS: Final = ("consolidated", ADAPTER)  # Mistral's format of the same weights; a LoRA
_ROOM: Final = 32 << 10  # the most bytes of an entry


def weights(names: Iterable[str]) -> list[str]:
    """Return the files with weights, without those that repeat them in another format."""
    found = [name for name in names if name.lower().endswith(".safetensors")]
    return [name for name in found if not name.startswith(_OTHERS)] or found


def numbered(names: Iterable[str]) -> frozenset[str]:
    """Return all files that must exist if one of them is numbered as one of several.

    Where parts are of different counts, the files of a complete set, if there is one.
    """
    there = frozenset(names)
    kinds = dict.fromkeys((one["stem"], one["count"]) for one in map(_NUMBERED.fullmatch, sorted(there)) if one)
    sets = [
        frozenset(f"{stem}-{number:05d}-of-{count}.safetensors" for number in range(1, int(count) + 1))
        for stem, count in kinds
    ]
    return next((one for one in sets if one <= there), sets[0] if sets else frozenset())


def shards(pieces: Iterable[bytes], size: int, *, name: str) -> frozenset[str]:
    """Return all files that an index of `size` bytes names; raise ModelError if it is no index."""
    files: set[bytes] = set()
    rest, is_inside, is_done = b"", False, False
    if not size:
        raise ModelError(f"{name} is empty", hint=advice(b""), issue="model-damaged")
    if size > LONGEST:
        raise _damaged(name, f"it has {size} bytes, more than any model's")
    for number, piece in enumerate(pieces):
        if not number and (what := describe_mismatch(piece[:ENOUGH], size, "JSON")):
            raise ModelError(f"{name} {what}", hint=advice(piece), issue="model-damaged")
        rest += piece
        if not is_inside:
            found = _MAP.search(rest)
            is_inside = found is not None
            rest = rest[found.end() :] if found else rest[-100:]
        if is_inside and not is_done:
            rest, is_done = _entries(rest, files, name)
        if is_done:
            rest = rest.rstrip()[-1:]
    if not is_inside:
        raise _damaged(name, "it has no weight_map")
    if not is_done or rest != b"}":
        raise _damaged(name, "it breaks off")
    return frozenset(_plain(one, name) for one in files)


def _entries(text: bytes, files: set[bytes], name: str) -> tuple[bytes, bool]:
    """Return the text after its complete entries, and whether the last entry of all was among them."""
    at = 0
    while found := _ENTRY.match(text, at):
        at = found.end()
        files.add(found[2])
        if len(files) > _MAX_FILES:
            raise _damaged(name, f"it names more than {_MAX_FILES} files")
        if found[3] == b"}":
            return text[at:], True
    if not at and (end := _NONE.match(text)):
        return text[end.end() :], True
    if len(text) - at > _ROOM:
        raise _damaged(name, "its weight_map is not one of names and files")
    return text[at:], False


def _plain(raw: bytes, name: str) -> str:
    try:
        found = str(json.loads(b'"%s"' % raw))
    except ValueError as e:
        raise _damaged(name, "it names a file that is no text") from e
    if fault := name_fault(found):
        raise _damaged(name, f"it names a file {found[:100]!r}: {fault}")
    return found


def _damaged(name: str, what: str) -> ModelError:
    return ModelError(f"{name} is damaged: {what}", hint="Download it again; it is small.", issue="model-damaged")
