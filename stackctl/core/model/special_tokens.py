"""The texts of the tokens that begin and end a text, from the vocabulary in a GGUF's header."""

import struct
from collections.abc import Mapping
from typing import Final

from stackctl.core.model.gguf_strings import skip_strings
from stackctl.core.model.header_size import Array

TOKENS: Final = "tokenizer.ggml.tokens"
_NAMES, _LONGEST = ("bos", "eos"), 200  # bytes of a token


def special_tokens(buffer: memoryview, arrays: Mapping[str, Array], metadata: Mapping[str, object]) -> dict[str, str]:
    """Return "bos" and "eos" -> the text of that token, as far as the vocabulary has them.

    Raise struct.error if the vocabulary ends behind the buffer.
    """
    tokens = arrays.get(TOKENS)
    found: dict[str, str] = {}
    for name in _NAMES:
        number = metadata.get(f"tokenizer.ggml.{name}_token_id")
        if tokens and not tokens.width and type(number) is int and 0 <= number < tokens.length:
            at = skip_strings(buffer, tokens.begin, number)
            size = struct.unpack_from("<Q", buffer, at)[0]
            found[name] = bytes(buffer[at + 8 : at + 8 + min(size, _LONGEST)]).decode("utf-8", "replace")
    return found
