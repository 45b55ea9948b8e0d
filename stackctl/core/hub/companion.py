"""The files that come with a model and are not the model, told by their names: projectors, drafters, ...

A name decides only where no header was read yet: among the files of a repository's listing. Sources: the names that
llama.cpp's converters give, and the repositories of those who upload them (see labels.py).
"""

import re
from pathlib import PurePosixPath
from typing import Final

from stackctl.core.hub.labels import find_label, without_labels

PROJECTOR: Final = "it is a multimodal projector (mmproj), which lets another model see or hear"
ADAPTER: Final = "it is an adapter (LoRA), which changes another model"
CONTROL_VECTOR: Final = "it is a control vector, which steers another model"
EMBEDDING: Final = "it is an embedding model, which turns text into vectors and writes none"
RERANKER: Final = "it is a reranker: it compares texts and writes none"
DRAFT: Final = "it is a draft model, which makes another model faster"
SOUND: Final = "it turns the tokens of another model into sound"
IMATRIX: Final = "it is an importance matrix, which helps to quantise a model"
VOCABULARY: Final = "it is a vocabulary without weights"

_IMATRIX: Final = re.compile(r"(?<![a-z0-9])(?:imatrix|imat)(?![a-z0-9])", re.IGNORECASE)
# no model has such a name
_SURE: Final = (
    (re.compile(r"mmproj(?![-_.]?(?:free|less|stripped))", re.IGNORECASE), PROJECTOR),
    (re.compile(r"(?<![a-z0-9])ggml-vocab(?![a-z0-9])|(?<![a-z0-9])vocab[-_]only", re.IGNORECASE), VOCABULARY),
)


def _word(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])", re.IGNORECASE)


# a model may have such a name, too: one with its MTP layers in the same file, an "assistant", one merged with a LoRA
_LIKELY: Final = (
    (_word(r"(?:vision|visual|audio|image)[-_. ]?(?:encoder|adapter|tower|projector)|projector"), PROJECTOR),
    (_word(r"(?:fast)?mtp|nextn|eagle[-_]?[123]?|d[-_]?flash|dspark|medusa|draft(?:er)?|assistant|speculator"), DRAFT),
    (_word(r"q?lora|adapter"), ADAPTER),
    (_word(r"control[-_]?vectors?|cvector"), CONTROL_VECTOR),
    (_word(r"rerank(?:er)?"), RERANKER),
    (_word(r"embed(?:ding|der)?s?|text[-_]encoder"), EMBEDDING),
    (_word(r"wavtokenizer|vocoder|codec|snac|mimi|(?:speech|audio|tts)[-_]?(?:tokenizer|decoder)"), SOUND),
)  # fmt: skip


def sure_companion(name: str) -> str:
    """Return what a file is that is never the model, by its name; "" if it may be the model."""
    base = PurePosixPath(name).name
    if why := next((why for pattern, why in _SURE if pattern.search(base)), ""):
        return why
    folder = PurePosixPath(name).parts[0].lower()
    if folder == "mmproj":
        return PROJECTOR
    # with a label it is a model that was quantised by an imatrix
    return IMATRIX if (folder == "imatrix" or _IMATRIX.search(base)) and not find_label(base) else ""


def companion(name: str) -> str:
    """Return what a file is if its name or its folder looks like a companion's; "" if it looks like a model's."""
    bare = without_labels(name)
    return sure_companion(name) or next((why for pattern, why in _LIKELY if pattern.search(bare)), "")
