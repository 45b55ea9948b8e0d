"""What a model is for, if it is not a chat model: a projector, an adapter, an embedding model, ...

Sources: llama.cpp's src/llama-arch.cpp and gguf-py/gguf/constants.py (architectures, general.type, pooling types),
ComfyUI-GGUF (the architectures of pictures).
"""

from collections.abc import Mapping
from typing import Final

_PROJECTOR: Final = "it is a multimodal projector (mmproj), which lets another model see or hear"
_ADAPTER: Final = "it is an adapter (LoRA), which changes another model"
_EMBEDDING: Final = "it is an embedding model, which turns text into vectors and writes none"
_DIFFUSION: Final = "it writes by diffusion, for which llama.cpp has a separate program (llama-diffusion-cli)"
_DRAFT: Final = "it is a draft model, which makes another model faster"
_PICTURES: Final = "it makes images or videos"
_KINDS: Final[Mapping[str, str]] = {
    "adapter": _ADAPTER,
    "mmproj": _PROJECTOR,
    "imatrix": "it is an importance matrix, which helps to quantise a model",
}
_ARCHITECTURES: Final[Mapping[str, str]] = {
    "clip": _PROJECTOR,
    "controlvector": "it is a control vector, which steers another model",
    "whisper": "it turns speech into text",
    "wavtokenizer-dec": "it turns the tokens of another model into sound",
    **dict.fromkeys(
        ("bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3", "eurobert",
         "gemma-embedding", "llama-embed", "t5encoder"),
        _EMBEDDING,
    ),
    **dict.fromkeys(("dream", "llada", "llada-moe", "rnd1"), _DIFFUSION),
    **dict.fromkeys(("eagle3", "dflash", "gemma4-assistant"), _DRAFT),
    **dict.fromkeys(
        ("flux", "sd1", "sdxl", "sd3", "aura", "hidream", "cosmos", "ltxv", "hyvid", "wan", "lumina2", "qwen_image"),
        _PICTURES,
    ),
}  # fmt: skip
NO_WEIGHTS: Final = "it contains no weights"
_RERANKS: Final = 4  # llama.cpp's pooling type RANK; 1 to 3 are mean, first and last
# parts of the names of transformers' classes
_CLASSES: Final[Mapping[str, str]] = {
    "Whisper": _ARCHITECTURES["whisper"],
    **dict.fromkeys(("Bert", "BERT", "Roberta", "T5Encoder", "ForMaskedLM"), _EMBEDDING),
    **dict.fromkeys(("ForSequenceClassification", "ForTokenClassification"), "it classifies text and writes none"),
}


def not_for_chat(architecture: str, kind: str = "", pooling: int = 0) -> str:
    """Return why a GGUF is not a chat model, by its architecture, general.type and pooling type; "" if it is one."""
    if pooling:
        return "it is a reranker: it compares texts and writes none" if pooling == _RERANKS else _EMBEDDING
    return _KINDS.get(kind) or _ARCHITECTURES.get(architecture, "")


def no_writer(name: str) -> str:
    """Return why a model is not a chat model, by the name of its class in transformers; "" if it is one."""
    return next((why for part, why in _CLASSES.items() if part in name), "")
