"""Which files of a folder are a model's weights: by their names, or by model.safetensors.index.json.

That may have tens of megabytes, and is read as a stream.
"""

import json
import re
from collections.abc import Iterable
from typing import Final

from stackctl.core.hub.source import name_fault
from stackctl.core.model.file_signature import ENOUGH, advice, describe_mismatch
from stackctl.errors import ModelError

FILE: Final = "model.safetensors.index.json"
_LONGEST: Final = 128 << 20  # bytes; a million tensors
_MAX_FILES: Final = 10_000
_MAP: Final = re.compile(rb'"weight_map"\s*:\s*\{')
_TEXT: Final = rb'"((?:[^"\\]|\\.){0,2000}+)"'
_ENTRY: Final = re.compile(rb"\s*" + _TEXT + rb"\s*:\s*" + _TEXT + rb"\s*([,}])", re.DOTALL)
_NONE: Final = re.compile(rb"\s*}")
_NUMBERED: Final = re.compile(r"(?P<stem>.+)-[0-9]{5}-of-(?P<count>[0-9]{5})\.safetensors", re.DOTALL)
ADAPTER: Final = "adapter_model"
_OTHERS: Final = ("consolidated", ADAPTER)  # Mistral's own form of the same weights; a LoRA beside them
_ROOM: Final = 32 << 10  # bytes in which an entry must end


def weights(names: Iterable[str]) -> list[str]:
    """The files with weights: what lies there in another form as well is left out."""
    found = [name for name in names if name.lower().endswith(".safetensors")]
    return [name for name in found if not name.startswith(_OTHERS)] or found


def numbered(names: Iterable[str]) -> frozenset[str]:
    """All files that there must be where one of them says that it is one of so many."""
    found = next(filter(None, map(_NUMBERED.fullmatch, names)), None)
    count = int(found["count"]) if found else 0
    return frozenset(
        f"{found['stem']}-{number:05d}-of-{found['count']}.safetensors" for number in range(1, count + 1) if found
    )


def shards(pieces: Iterable[bytes], size: int, *, name: str) -> frozenset[str]:
    """All files that an index of `size` bytes says there are; raises ModelError for what is no index."""
    files: set[bytes] = set()
    rest, is_inside, is_done = b"", False, False
    if not size:
        raise ModelError(f"{name} is empty", hint=advice(b""))
    if size > _LONGEST:
        raise _damaged(name, f"it has {size} bytes, more than any model's")
    for number, piece in enumerate(pieces):
        if not number and (what := describe_mismatch(piece[:ENOUGH], size, "JSON")):
            raise ModelError(f"{name} {what}", hint=advice(piece))
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
    """What is left behind the entries that a text begins with, and whether the last of all was among them."""
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
    return ModelError(f"{name} is damaged: {what}", hint="Download it again; it is small.")
