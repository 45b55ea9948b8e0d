"""The lists of what a build loads are made of a program's source, or of its libraries."""

import json
from pathlib import Path

import pytest

from tests.backends import loadable

ARCH = """static const std::map<llm_arch, const char *> LLM_ARCH_NAMES = {
    { LLM_ARCH_CLIP,    "clip"      }, // dummy
    { LLM_ARCH_LLAMA,   "llama"     },
    { LLM_ARCH_NEW,     "new-2027"  },
    { LLM_ARCH_UNKNOWN, "(unknown)" },
};
static const char * OTHER = { LLM_ARCH_NO, "no" };
"""
VOCAB = 'if (tokenizer_model == "gpt2") {} if (\n tokenizer_pre == "default" || tokenizer_pre == "llama-bpe") {}'
TYPES = "  GGML_TYPE_F32 = 0,\n  // GGML_TYPE_Q4_2 = 4,\n  GGML_TYPE_NVFP4   = 40, // x\n  GGML_TYPE_COUNT = 43,\n"


def test_a_source_tree_gives_the_lists(tmp_path: Path) -> None:
    for name, text in (("src/llama-arch.cpp", ARCH), ("src/llama-vocab.cpp", VOCAB), ("ggml/include/ggml.h", TYPES)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert loadable.of_source(tmp_path) == {
        "architectures": {"clip", "llama", "new-2027"},
        "tokenizers": {"gpt2"},
        "splitters": {"default", "llama-bpe"},
        "types": {"F32", "NVFP4"},
    }


def test_libraries_give_the_lists_with_names_that_the_linker_merged() -> None:
    llama = b"\x7fELF\0clip\0other\0clip\0llama\0modern-bert\0new-2027\0(unknown)\0more\0"
    ggml = b"\x7fELF\0f32\0tq1_0\0nvfp4\0dequantize_row_tq1_0\0quantize_row_nvfp4_ref\0dequantize_row_q4_K\0"
    beside = {"architectures": ["bert", "gone"], "tokenizers": ["gpt2"], "splitters": ["default"], "types": []}
    assert loadable.of_libraries(llama, ggml, beside) == {
        "architectures": {"clip", "llama", "modern-bert", "new-2027", "bert"},
        "tokenizers": ["gpt2"],
        "splitters": ["default"],
        "types": {"F32", "TQ1_0", "NVFP4", "Q4_K"},  # and not Q1_0, with which another name ends
    }


@pytest.mark.parametrize("path", sorted(loadable.HOME.glob("*.json")), ids=lambda path: str(path.stem))
def test_a_list_is_sorted_and_names_its_source(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    assert set(found) == {"source", "of", *loadable.KEYS}
    assert all(found[key] == sorted(set(found[key])) and found[key] for key in loadable.KEYS)
    assert found["source"]
