"""Vocabularies as long as real ones, piece by piece: what makes the headers of real models as long as they are.

Measured: llama.cpp's models/ggml-vocab-*.gguf, and Mistral's tekken_240718.json with the merges that Hugging Face's
conversion makes of it. gemma3 is gemma4's pieces without merges.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.shapes.header import Value


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Bytes per piece and per merge, the mean of each eighth of them in their order."""

    model: str
    pre: str = ""
    pieces: int
    piece_bytes: Sequence[float]
    merges: int = 0
    merge_bytes: Sequence[float] = ()
    has_scores: bool = False

    def metadata(self) -> dict[str, Value]:
        """In the order of llama.cpp's converter."""
        found: dict[str, Value] = {"tokenizer.ggml.model": self.model}
        if self.pre:
            found["tokenizer.ggml.pre"] = self.pre
        found["tokenizer.ggml.tokens"] = _texts(self.pieces, self.piece_bytes)
        if self.has_scores:
            found["tokenizer.ggml.scores"] = [0.0] * self.pieces
        found["tokenizer.ggml.token_type"] = [1] * self.pieces
        if self.merges:
            found["tokenizer.ggml.merges"] = _texts(self.merges, self.merge_bytes)
        return {**found, "tokenizer.ggml.eos_token_id": 2, "tokenizer.chat_template": "{{ messages }}" * 400}


def _texts(number: int, means: Sequence[float]) -> list[str]:
    found = []
    for eighth, mean in enumerate(means):
        share = (eighth + 1) * number // 8 - eighth * number // 8
        found += ["o" * (int(mean * (at + 1)) - int(mean * at)) for at in range(share)]
    return found


_GEMMA = (7.33, 8.6, 9.09, 9.57, 9.68, 9.94, 10.13, 6.34)
VOCABULARIES = {
    "llama-spm": Vocabulary(
        model="llama", pre="default", pieces=32_000, has_scores=True,
        piece_bytes=(5.13, 6.23, 6.67, 7.01, 7.33, 7.55, 7.75, 5.04),
    ),
    "llama-bpe": Vocabulary(
        model="gpt2", pre="llama-bpe", pieces=128_256,
        piece_bytes=(5.8, 6.74, 7.26, 7.44, 7.64, 7.81, 10.34, 13.91),
        merges=280_147, merge_bytes=(9.2, 10.01, 10.42, 10.41, 9.98, 9.44, 10.88, 14.29),
    ),
    "qwen2": Vocabulary(
        model="gpt2", pre="qwen2", pieces=151_936,
        piece_bytes=(6.03, 7.02, 7.39, 7.6, 7.79, 11.32, 11.92, 13.21),
        merges=151_387, merge_bytes=(7.1, 8.02, 8.39, 8.6, 8.79, 12.28, 12.88, 14.29),
    ),
    "tekken": Vocabulary(
        model="gpt2", pre="tekken", pieces=131_072,
        piece_bytes=(6.78, 8.24, 9.23, 9.78, 10.32, 10.84, 11.05, 11.38),
        merges=269_443, merge_bytes=(8.21, 9.46, 10.3, 10.63, 11.01, 11.76, 11.6, 11.89),
    ),
    "command-r": Vocabulary(
        model="gpt2", pre="command-r", pieces=256_000,
        piece_bytes=(7.22, 9.47, 10.45, 11.06, 11.64, 11.9, 12.2, 12.45),
        merges=253_333, merge_bytes=(8.48, 10.51, 11.47, 12.08, 12.64, 12.9, 13.18, 13.5),
    ),
    "gemma3": Vocabulary(model="llama", pre="default", pieces=262_144, has_scores=True, piece_bytes=_GEMMA),
    "gemma4": Vocabulary(
        model="gemma4", pieces=262_144, has_scores=True, piece_bytes=_GEMMA,
        merges=514_906, merge_bytes=(9.15, 9.41, 9.72, 9.95, 10.24, 10.27, 10.44, 10.57),
    ),
}  # fmt: skip
