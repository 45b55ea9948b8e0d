"""Writes the list of what one build of a backend loads, from its program's source or from its libraries.

    python -m tests.backends.loadable llamacpp b9191 FOLDER --source "llama.cpp's source of b9191"
    python -m tests.backends.loadable llamacpp debian FOLDER --source "..." --beside llamacpp-b9191

FOLDER has llama.cpp's source (src/, ggml/), or libllama.so and libggml-base.so. The linker stores a name only once, and
the compiler turns some short ones into numbers, so from libraries alone names are missing. Those of the list named by
--beside are looked up in the libraries, and its tokenizers are taken over.
"""

import argparse
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from stackctl.backends import loadable
from stackctl.core.model.ggml_types import BLOCKS, TYPES

HOME = Path(loadable.__file__).parent
KEYS = ("architectures", "tokenizers", "splitters", "types")
Lists = Mapping[str, Iterable[str]]


def of_source(folder: Path) -> Lists:
    """The lists of a tree of llama.cpp's source, or of a program that contains it."""
    arch = (folder / "src/llama-arch.cpp").read_text(encoding="utf-8")
    vocab = (folder / "src/llama-vocab.cpp").read_text(encoding="utf-8")
    header = (folder / "ggml/include/ggml.h").read_text(encoding="utf-8")
    names = re.search(r"LLM_ARCH_NAMES = \{(.*?)\n\};", arch, re.DOTALL)
    assert names
    return {
        "architectures": set(re.findall(r'\{\s*LLM_ARCH_\w+,\s*"([^"(]+)"', names[1])),
        "tokenizers": set(re.findall(r'tokenizer_model == "([^"]+)"', vocab)),
        "splitters": set(re.findall(r'tokenizer_pre == "([^"]+)"', vocab)),
        "types": set(re.findall(r"^\s*GGML_TYPE_(\w+)\s*=\s*\d+", header, re.MULTILINE)) & set(TYPES.values()),
    }


def of_libraries(libllama: bytes, libggml: bytes, beside: Lists) -> Lists:
    """The lists of llama.cpp's libraries: see above for `beside`."""
    texts = re.findall(rb"[\x20-\x7e]+(?=\0)", libllama)
    end = texts.index(b"(unknown)")
    start = max(at for at in range(end) if texts[at] == b"clip")
    found = {text.decode() for text in texts[start:end]}
    return {
        "architectures": found | {one for one in beside["architectures"] if holds(libllama, one)},
        "tokenizers": beside["tokenizers"],
        "splitters": beside["splitters"],
        "types": {name for kind, name in TYPES.items() if has_type(libggml, kind, name)},
    }


def has_type(libggml: bytes, kind: int, name: str) -> bool:
    """Whether ggml has a type: of one of blocks its function, as the name may be the end of another's (TQ1_0)."""
    if BLOCKS[kind][0] == 1:
        return holds(libggml, name.lower())
    return re.search(rb"quantize_row_%s(_ref)?\0" % name.encode(), libggml, re.IGNORECASE) is not None


def holds(library: bytes, name: str) -> bool:
    """Whether a library holds a name, at least as the end of another one."""
    return name.encode() + b"\0" in library


def _main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("backend")
    ask.add_argument("build")
    ask.add_argument("folder", type=Path)
    ask.add_argument("--source", required=True)
    ask.add_argument("--of", default="", help="the older build whose source it is")
    ask.add_argument("--beside", default="")
    asked = ask.parse_args()
    if (asked.folder / "src/llama-arch.cpp").is_file():
        lists = of_source(asked.folder)
    else:
        beside = json.loads((HOME / f"{asked.beside}.json").read_text(encoding="utf-8"))
        libllama, libggml = (min(asked.folder.glob(f"{one}.so*")) for one in ("libllama", "libggml-base"))
        lists = of_libraries(libllama.read_bytes(), libggml.read_bytes(), beside)
    text = json.dumps({"source": asked.source, "of": asked.of, **{key: sorted(lists[key]) for key in KEYS}}, indent=1)
    (HOME / f"{asked.backend}-{asked.build}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    _main()
