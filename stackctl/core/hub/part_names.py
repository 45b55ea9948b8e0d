"""The parts of a split GGUF, by the names of the files in a folder or a repository.

Source: llama.cpp's llama_split_path (src/llama.cpp): NAME-00001-of-00003.gguf.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_PART: Final = re.compile(r"-(\d{5})-of-(?!0{5})(\d{5})$")
_ENDING: Final = ".gguf"
SHOWN: Final = 12  # names in one message


@dataclass(frozen=True, kw_only=True)
class GgufSet:
    """The files of one GGUF. names: those that are there, in order. missing: those that the others ask for."""

    stem: str  # the path without the number of the part and the ending
    names: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Return the number of its parts, with those that are missing."""
        return len(self.names) + len(self.missing)

    @property
    def gap(self) -> str:
        """Return the names of the missing parts for a message."""
        return name_them(self.missing)


def name_them(missing: Sequence[str]) -> str:
    """Return the names of missing files for a message: the first few of many."""
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    return f"{', '.join(name[:100] for name in missing[:SHOWN])}{more}"


def stem_of(name: str) -> str:
    """Return the path of a GGUF without its ending and the number of the part."""
    return _PART.sub("", name[: -len(_ENDING)] if name.lower().endswith(_ENDING) else name)


def gguf_sets(names: Iterable[str]) -> list[GgufSet]:
    """Return every GGUF among the names of files, with its parts; an incomplete set only if no complete one exists.

    Parts of different counts (-of-00002, -of-00003) form different sets.
    """
    groups: dict[tuple[str, int], dict[int, str]] = {}
    for name in names:
        if name.lower().endswith(_ENDING):
            found = _PART.search(name[: -len(_ENDING)])
            number, count = (int(found[1]), int(found[2])) if found else (1, 0)
            groups.setdefault((stem_of(name), count), {})[number] = name
    sets = [_set(stem, count, parts) for (stem, count), parts in groups.items()]
    complete = {one.stem for one in sets if not one.missing}
    return [one for one in sets if not one.missing or one.stem not in complete]


def _set(stem: str, count: int, parts: dict[int, str]) -> GgufSet:
    lacking = [number for number in range(1, count + 1) if number not in parts]
    ending = next(iter(parts.values()))[-len(_ENDING) :]
    return GgufSet(
        stem=stem,
        names=tuple(parts[number] for number in sorted(parts)),
        missing=tuple(f"{stem}-{number:05d}-of-{count:05d}{ending}" for number in lacking),
    )
