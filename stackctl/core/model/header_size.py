"""How long a header is, guessed from its beginning: most of it are the vocabulary and its merges.

Held against the 19 vocabularies that llama.cpp carries for its tests, and Mistral's tekken: from a beginning of 1 MiB
the guess is 100 to 800 KB longer than the header of each.
"""

from typing import Final, NamedTuple

from stackctl.core.model import gguf_strings

_TOKENS: Final = "tokenizer.ggml.tokens"
_SCORES, _MERGES = "tokenizer.ggml.scores", "tokenizer.ggml.merges"
_LONGER: Final = 1.15  # how much longer a piece is than those before it; from 1.0 (gemma) to 1.3 (llama-bpe, qwen2)
_REST: Final = 400 << 10  # bytes: chat template and tensor table, and what the guess may lack
# bytes of the merges, where there are many more of them than pieces, by the pre-tokenizer's name, or the tokenizer's
_MANY_MERGES: Final = {"llama-bpe": 5_204_765, "tekken": 5_013_465, "gemma4": 9_251_719}


class Array(NamedTuple):
    """Where the values of an array are in a header. `width`: bytes of each; 0 for strings. `end`: 0 where unknown."""

    begin: int
    length: int
    width: int
    end: int = 0


def estimate(buffer: memoryview, arrays: dict[str, Array], tokenizer: str, pre: str) -> int:
    """Bytes of a header of which `buffer` has the beginning, and in it the arrays (the last of them perhaps in part).

    `tokenizer`, `pre`: as its metadata call them, "" where they do not.
    """
    last = next(reversed(arrays), "")
    at = max(len(buffer), _end(buffer, arrays[last])) if last else len(buffer)
    tokens = arrays.get(_TOKENS)
    if tokens:
        size = _end(buffer, tokens) - tokens.begin
        numbers = {_TOKENS: 1 if tokenizer == "gpt2" else 2, _SCORES: 1}  # how many arrays of them are behind
        at += 4 * tokens.length * numbers.get(last, 0)
        if _MERGES not in arrays and tokenizer in {"gpt2", "gemma4"}:
            # else there is one for each piece, which is the piece and a space in it
            at += _MANY_MERGES.get(pre or tokenizer, size + tokens.length)
    return at + _REST


def _end(buffer: memoryview, array: Array) -> int:
    if array.end or array.width:
        return array.end or array.begin + array.length * array.width
    whole = gguf_strings.skip_all(buffer, array.begin, array.length)
    return whole.end + int((array.length - whole.number) * whole.recent * _LONGER)
