"""GGUF files of some ten kilobytes: a model, and the companions that come with one."""

from tests.shapes.family import Model
from tests.shapes.header import Value, header

_TINY = Model(arch="llama", layers=2, embd=64, ff=128, heads=4, kv_heads=2, vocab=300)
_WORDS: dict[str, Value] = {
    "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "llama-bpe",
    "tokenizer.ggml.tokens": [f"t{number}" for number in range(300)],
}  # fmt: skip


def tiny_gguf(*, only: str = "", **general: Value) -> bytes:
    """The bytes of a GGUF. general: entries of general.*, such as type. only: how the names of its tensors begin."""
    tensors = {name: kind for name, kind in _TINY.tensors("q8_0").items() if name.startswith(only)}
    extra = {f"general.{key}": value for key, value in general.items()}
    head, size = header({**_TINY.metadata(), **_WORDS, **extra}, tensors)
    return head + b"\0" * (size - len(head))


MODEL = tiny_gguf()
PROJECTOR = tiny_gguf(architecture="clip", type="mmproj")
DRAFT = tiny_gguf(architecture="gemma4-assistant")
EMBEDDING = tiny_gguf(architecture="bert")
LORA = tiny_gguf(type="adapter")
IMATRIX = tiny_gguf(type="imatrix")
VOCABULARY = tiny_gguf(only="none")
