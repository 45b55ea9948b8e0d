"""What a model is for, if it is not a chat model: a projector, an adapter, an embedding model, ...

Sources: llama.cpp's src/llama-arch.cpp and gguf-py/gguf/constants.py (architectures, general.type, pooling types),
ComfyUI-GGUF (the architectures of pictures).
"""

from collections.abc import Collection, Mapping
from typing import Final

from stackctl.core.hub.companion import (
    ADAPTER,
    CONTROL_VECTOR,
    DRAFT,
    EMBEDDING,
    IMATRIX,
    PROJECTOR,
    RERANKER,
    SOUND,
    VOCABULARY,
)  # fmt: skip
from stackctl.errors import ModelError

_DIFFUSION: Final = "it writes by diffusion, for which llama.cpp has a separate program (llama-diffusion-cli)"
_PICTURES: Final = "it makes images or videos"
_KINDS: Final[Mapping[str, str]] = {
    "adapter": ADAPTER,
    "mmproj": PROJECTOR,
    "imatrix": IMATRIX,
}
_ARCHITECTURES: Final[Mapping[str, str]] = {
    "clip": PROJECTOR,
    "controlvector": CONTROL_VECTOR,
    "whisper": "it turns speech into text",
    "wavtokenizer-dec": SOUND,
    **dict.fromkeys(("qwen3tts", "pockettts"), "it turns text into speech"),
    "clef": "it chooses between given answers and writes none",
    **dict.fromkeys(
        ("bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3", "eurobert",
         "gemma-embedding", "gemma-embedding2", "llama-embed", "t5encoder"),
        EMBEDDING,
    ),
    **dict.fromkeys(("dream", "llada", "llada-moe", "rnd1"), _DIFFUSION),
    **dict.fromkeys(("eagle3", "dflash", "gemma4-assistant"), DRAFT),
    **dict.fromkeys(
        ("flux", "sd1", "sdxl", "sd3", "aura", "hidream", "cosmos", "ltxv", "hyvid", "wan", "lumina2", "qwen_image"),
        _PICTURES,
    ),
}  # fmt: skip
NO_WEIGHTS: Final = "it contains no weights"
_RERANKS: Final = 4  # llama.cpp's pooling type RANK; 1 to 3 are mean, first and last
# parts of the names of transformers' classes
_CLASSES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("Eagle", "Medusa", "DFlash", "Speculator"), DRAFT),
    "Whisper": _ARCHITECTURES["whisper"],
    **dict.fromkeys(("Bert", "BERT", "Roberta", "T5Encoder", "ForMaskedLM"), EMBEDDING),
    **dict.fromkeys(("ForSequenceClassification", "ForTokenClassification"), "it classifies text and writes none"),
}


def refuse_for_chat(name: str, purpose: str) -> None:
    """Raise ModelError for a model that has another purpose than chat. purpose: "" if it is a chat model."""
    if purpose:
        raise ModelError(
            f"{name} is not a chat model: {purpose}",
            hint="Name the chat model's own file; `stackctl models inspect FILE` shows what a file contains.",
            issue="model-no-chat",
        )


def not_for_chat(architecture: str, kind: str = "", pooling: int = 0) -> str:
    """Return why a GGUF is not a chat model, by its architecture, general.type and pooling type; "" if it is one."""
    if pooling:
        return RERANKER if pooling == _RERANKS else EMBEDDING
    return _KINDS.get(kind) or _ARCHITECTURES.get(architecture, "")


def lacks_layers(tensors: Collection[str], has_vocabulary: bool) -> str:
    """Return what a whole GGUF without a model's layers is, by the names of its tensors; "" if it has them."""
    if not tensors:
        return VOCABULARY if has_vocabulary else NO_WEIGHTS
    # what convert_hf_to_gguf.py --mtp writes has the architecture of its model, but only the last blocks
    is_draft = any(".nextn." in name for name in tensors) and not any(name.startswith("blk.0.") for name in tensors)
    return DRAFT if is_draft else ""


def no_writer(name: str) -> str:
    """Return why a model is not a chat model, by the name of its class in transformers; "" if it is one."""
    return next((why for part, why in _CLASSES.items() if part in name), "")
