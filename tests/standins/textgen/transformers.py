"""Part of the stand-in for text-generation-webui, for tests, never what a user gets: how its Transformers loader fails.

Its words are those of transformers 5.6 (models/auto/configuration_auto.py, tokenization_utils_tokenizers.py and
modeling_utils.py). What it raises, nobody catches: rich draws the traceback, and the program ends with 1.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from tests.standins.textgen import console

KNOWN: Final = frozenset({"gemma", "llama", "mistral", "phi3", "qwen2", "qwen3"})
_TOKENIZERS: Final = ("tokenizer.json", "tokenizer.model", "vocab.json")
_EMBEDDING: Final = "model.embed_tokens.weight"
_FRAMES: Final = (
    "/app/server.py:483 in <module>",
    "/app/modules/models.py:45 in load_model",
    "/app/modules/transformers_loader.py:127 in load_model_HF",
)


def fail(folder: Path) -> None:
    """End the program where the real loader would refuse this folder; return where it would load it."""
    if reason := _reason(folder):
        console.traceback(_FRAMES, f"ValueError: {reason}")
        sys.exit(1)


def _reason(folder: Path) -> str:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    kind = config.get("model_type")
    if kind not in KNOWN:
        return (
            f"The checkpoint you are trying to load has model type `{kind}` but Transformers does not recognize this "
            "architecture. This could be because of an issue with the checkpoint, or because your version of "
            "Transformers is out of date."
        )
    wanted = [config.get("vocab_size"), config.get("hidden_size")]
    shape = _shapes(folder).get(_EMBEDDING, wanted)
    if shape != wanted:
        return (
            f'Trying to set a tensor of shape torch.Size({shape}) in "weight" (which has shape torch.Size({wanted})), '
            "this looks incorrect."
        )
    if not any((folder / name).exists() for name in _TOKENIZERS):
        return (
            "Couldn't instantiate the backend tokenizer from one of: (1) a `tokenizers` library serialization file, "
            "(2) a slow tokenizer instance to convert or (3) an equivalent slow tokenizer class to instantiate and "
            "convert."
        )
    return ""


def _shapes(folder: Path) -> dict[str, list[int]]:
    """Tensor -> shape, by the headers of the folder's safetensors files."""
    found: dict[str, list[int]] = {}
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        found |= {name: tensor["shape"] for name, tensor in header.items() if name != "__metadata__"}
    return found
