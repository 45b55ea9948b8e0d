"""The parts of a split GGUF: each one's place by its header, and the only names under which llama.cpp finds them.

Sources: llama.cpp's src/llama.cpp (llama_split_path), src/llama-model-loader.cpp, tools/gguf-split.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from stackctl.core.model.file_signature import AGAIN
from stackctl.core.model.ggml_types import TYPES
from stackctl.core.model.gguf import MAX_TENSORS, GgufFile, header
from stackctl.errors import ModelError
from stackctl.terminal import command_line

PART: Final = re.compile(r"(?P<stem>.+)-(?P<number>[0-9]{5})-of-(?P<count>(?!0{5})[0-9]{5})\.gguf", re.DOTALL)
_NO_MATTER: Final = 64 << 10  # bytes behind the tensors: padding
_ENDING: Final = re.compile(r"\.gguf$", re.IGNORECASE)
# what people and browsers make of the end of a part's name: -1-of-2, .part1of2, _split_2, " (1)"
_MARK: Final = re.compile(
    r"(?:[-_. (]*(?:(?:part|split|shard)?[-_. ]*\d+[-_. ]*of[-_. ]*\d+|(?:part|split|shard)[-_. ]*\d+|(?<=\()\d+)"
    r"\)?)+$",
    re.IGNORECASE,
)


class Parts:
    """The parts of a split model, in order. Metadata is kept for the first part only."""

    def __init__(self, *, are_remote: bool = False) -> None:
        self.are_remote = are_remote
        self.files: list[GgufFile] = []
        self._tensors = self._count = 0

    def add(self, part: GgufFile, *, name: str, others: Callable[[], Mapping[int, str]] = dict) -> None:
        """Add the next part. Raise ModelError if its name or its place is wrong, or all have too many tensors.

        split.no counts from 0 and split.count is the same in all parts: llama.cpp's loader checks both, too.
        others: finds the paths of the other parts by their number from 0, as far as they lie beside it.
        """
        place, count = part.metadata.get("split.no"), part.number("split.count")
        if isinstance(place, int) and count > 1 and not PART.fullmatch(PurePosixPath(name).name):
            raise self._misnamed(name, place, count, others)
        if isinstance(place, int) and (place != len(self.files) or count != (self._count or count)):
            raise ModelError(
                f"{name} is part {place + 1} of {count or '?'} by its header, but has the place of part "
                f"{len(self.files) + 1} of {self._count or count or '?'}",
                hint="Give each part the name of its place (...-00001-of-...), or download them again.",
                issue="model-parts-wrong",
            )
        if isinstance(place, int) and count > 1 and not name.endswith(_ending(place, count)):
            raise self._misnamed(name, place, count, others)
        self._count = self._count or count
        self._tensors += len(part.tensors)
        if self._tensors > MAX_TENSORS:
            raise ModelError(
                f"{name} and the parts before it have too many tensors", hint=AGAIN, issue="model-parts-wrong"
            )
        self.files.append(replace(part, metadata={}, lengths={}) if self.files else part)

    def _misnamed(self, name: str, place: int, count: int, others: Callable[[], Mapping[int, str]]) -> ModelError:
        """Return the error for a part whose name has another form."""
        first = f"{_stem(PurePosixPath(name).name)}{_ending(0, count)}"
        return ModelError(
            f"{name} is part {place + 1} of {count} under a name that llama.cpp does not accept",
            hint=f"Download all {count} parts into one folder, and rename them to {first} and so on."
            if self.are_remote
            else _renames({**others(), place: name}, name, count),
            issue="model-parts-wrong",
        )


def _ending(place: int, count: int) -> str:
    return f"-{place + 1:05d}-of-{count:05d}.gguf"


def _renames(names: Mapping[int, str], name: str, count: int) -> str:
    """Return the hint that renames parts, by their numbers, as llama.cpp wants those of one model."""
    base = PurePosixPath(name).with_name(_stem(PurePosixPath(name).name))
    wrong = sorted((number, old) for number, old in names.items() if not old.endswith(_ending(number, count)))
    moves = [
        command_line("mv", "-n", PurePosixPath(old), PurePosixPath(f"{base}{_ending(number, count)}"))
        for number, old in wrong
    ]
    rest = "" if len(names) == count else " Give its other parts the same form of name, in the same folder."
    return f"Rename {'it' if len(moves) == 1 else 'them'}: `{' && '.join(moves)}`.{rest}"


def _stem(name: str) -> str:
    """Return the model's part of the name of one of its parts."""
    found = PART.fullmatch(name)
    return found["stem"] if found else _MARK.sub("", _ENDING.sub("", name)) or "model"


def refuse_appended(found: GgufFile, size: int, behind: bytes, *, name: str) -> None:
    """Raise ModelError if another file lies behind the tensors. behind: the first bytes after them, if known."""
    count, more = found.number("split.count"), size - found.size
    is_gguf = behind.lstrip(b"\0").startswith(b"GGUF")
    is_known = all(tensor.kind in TYPES for tensor in found.tensors)  # else the data may well end there
    is_much = is_known and more > max(_NO_MATTER, found.size // 100)
    if count > 1 and (is_gguf or (is_much and not PART.fullmatch(PurePosixPath(name).name))):
        raise ModelError(
            f"{name} is parts of a split model ({count} in all) joined by cat: llama.cpp reads only the first of them",
            hint="Use the parts as they were, or merge them with `llama-gguf-split --merge`.",
            issue="model-parts-wrong",
        )
    if is_gguf:
        raise ModelError(
            f"{name} holds another GGUF behind its first, from byte {found.size} on, and no program reads that",
            hint="Use the files as they were before they were joined.",
            issue="model-parts-wrong",
        )
    if is_much and sum(tensor.size for tensor in found.tensors) > found.size:  # to cut it would lose data
        raise ModelError(f"{name} is damaged: its tensors overlap", hint=AGAIN, issue="model-damaged")
    if is_much and not header(found).purpose:  # what is not a chat model is refused as that
        raise ModelError(
            f"{name} is much larger than its tensors: {size} bytes where {found.size} are used, so that something "
            "else was appended, or a download was resumed wrongly",
            hint="Download it again, or cut it, if you know that its beginning is right, with "
            f"`{command_line('truncate', '-s', found.size, PurePosixPath(name))}`.",
            issue="model-damaged",
        )
