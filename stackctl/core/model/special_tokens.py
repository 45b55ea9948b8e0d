"""The texts of the tokens that begin and end a text, out of a GGUF's vocabulary. A chat template may write them."""

import struct
from collections.abc import Mapping
from typing import Final

from stackctl.core.model import gguf_strings
from stackctl.core.model.header_size import Array

_NAMES: Final = ("bos", "eos")
_MOST_TOKENS: Final = 1 << 20  # of a vocabulary that is walked; the largest have about 300,000
_MOST_BYTES: Final = 200  # of a token


def special_tokens(buffer: memoryview, tokens: Array | None, metadata: Mapping[str, object]) -> dict[str, str]:
    """Return "bos" and "eos" -> text, as far as the vocabulary has them. tokens: where that lies in the header."""
    if tokens is None or tokens.width or tokens.length > _MOST_TOKENS:
        return {}
    found: dict[str, str] = {}
    for name in _NAMES:
        number = metadata.get(f"tokenizer.ggml.{name}_token_id")
        if type(number) is int and 0 <= number < tokens.length:
            at = gguf_strings.skip_strings(buffer, tokens.begin, number)
            size = min(struct.unpack_from("<Q", buffer, at)[0], _MOST_BYTES)
            found[name] = bytes(buffer[at + 8 : at + 8 + size]).decode("utf-8", "replace")
    return found
