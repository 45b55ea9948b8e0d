"""What each build of a backend's program can load: a file beside this one for each, which tests/backends/loadable.py
makes of the program's source or libraries.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, kw_only=True)
class Loadable:
    """The kinds of GGUF that one build loads. source: what the lists were read from."""

    source: str
    of: str  # the older build whose lists these are, where no source of the very build is public; "" for its own
    architectures: frozenset[str]  # general.architecture
    tokenizers: frozenset[str]  # tokenizer.ggml.model
    splitters: frozenset[str]  # tokenizer.ggml.pre, which counts for tokenizers of merges (BPE) alone
    types: frozenset[str]  # of tensors, by ggml's names


@cache
def loadable(backend: str, build: str) -> Loadable | None:
    """Return what a build loads, by the names of its backend and of itself; None if there is no list of it."""
    path = files(__name__) / f"{backend}-{build}.json"  # a part of the program, as constant as its code
    if not build or not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    return Loadable(
        source=found["source"],
        of=found["of"],
        architectures=frozenset(found["architectures"]),
        tokenizers=frozenset(found["tokenizers"]),
        splitters=frozenset(found["splitters"]),
        types=frozenset(found["types"]),
    )
