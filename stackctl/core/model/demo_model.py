"""The embedded demo model: a real GGUF of about 250 kB that speaks one known sentence.

It is a one-layer llama whose attention and feed-forward weights are all zero, so that the hidden state is the
embedding of the last token alone. Embeddings are one-hot and the output matrix maps each to its successor:
any prompt leads to the first piece of the sentence, each piece to the next, the last one to end-of-sequence.
The answer is the sentence, character by character, with any prompt, template or sampler. One character is not ASCII,
so that a damaged encoding on the way is noticed.
"""

import struct
from array import array
from typing import Final

FILE_NAME: Final = "stackctl-demo.gguf"
PIECES: Final = (
    "This is", " the stackctl", " demo", " model:", " the whole", " chain", " works,", " from SillyTavern",
    " to", " the backend", " and back", " ✓,", " but it", " knows", " only", " this sentence.", " For a real",
    " chat,", " run:", " stackctl", " deploy", " --model", " /path/to/", "your-model", ".gguf",
)  # fmt: skip
SENTENCE: Final = "".join(PIECES)

WIDTH: Final = 64
CONTEXT: Final = 131072
_FEED_FORWARD: Final = 32
_UNKNOWN, _BEGIN, _END = 0, 1, 2
_FIRST_PIECE: Final = 3 + 256
_ALIGNMENT: Final = 32
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
_NORMAL, _UNKNOWN_TYPE, _CONTROL, _BYTE = 1, 2, 3, 6
CHAT_TEMPLATE: Final = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def gguf_bytes() -> bytes:
    """Return the whole file (GGUF version 3, little endian, f32).

    Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
    """
    tensors = _tensors()
    metadata = _metadata()
    infos, offset = b"", 0
    for name, shape, values in tensors:
        infos += _string(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        infos += struct.pack("<IQ", 0, offset)
        offset += _padded(len(values) * 4)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)) + b"".join(metadata) + infos
    body = b"".join(_pad(values.tobytes()) for _, _, values in tensors)
    return _pad(head) + body


def _vocabulary() -> list[tuple[str, int]]:
    """Return (text, token type) of every token; SentencePiece writes a space as U+2581."""
    special = [("<unk>", _UNKNOWN_TYPE), ("<s>", _CONTROL), ("</s>", _CONTROL)]
    raw = [(f"<0x{byte:02X}>", _BYTE) for byte in range(256)]
    return special + raw + [(piece.replace(" ", "\u2581"), _NORMAL) for piece in PIECES]


def _metadata() -> list[bytes]:
    vocabulary = _vocabulary()
    return [
        _pair("general.architecture", _STRING, _string("llama")),
        _pair("general.name", _STRING, _string("stackctl demo")),
        _pair("general.license", _STRING, _string("mit")),
        _pair("llama.context_length", _UINT32, struct.pack("<I", CONTEXT)),
        _pair("llama.embedding_length", _UINT32, struct.pack("<I", WIDTH)),
        _pair("llama.block_count", _UINT32, struct.pack("<I", 1)),
        _pair("llama.feed_forward_length", _UINT32, struct.pack("<I", _FEED_FORWARD)),
        _pair("llama.attention.head_count", _UINT32, struct.pack("<I", 1)),
        _pair("llama.attention.head_count_kv", _UINT32, struct.pack("<I", 1)),
        _pair("llama.attention.layer_norm_rms_epsilon", _FLOAT32, struct.pack("<f", 1e-5)),
        _pair("llama.rope.dimension_count", _UINT32, struct.pack("<I", WIDTH)),
        _pair("llama.vocab_size", _UINT32, struct.pack("<I", len(vocabulary))),
        _pair("tokenizer.ggml.model", _STRING, _string("llama")),
        _pair("tokenizer.ggml.tokens", _ARRAY, _array(_STRING, [_string(text) for text, _ in vocabulary])),
        _pair("tokenizer.ggml.scores", _ARRAY, _array(_FLOAT32, [struct.pack("<f", 0.0)] * len(vocabulary))),
        _pair(
            "tokenizer.ggml.token_type",
            _ARRAY,
            _array(_INT32, [struct.pack("<i", kind) for _, kind in vocabulary]),
        ),
        _pair("tokenizer.ggml.unknown_token_id", _UINT32, struct.pack("<I", _UNKNOWN)),
        _pair("tokenizer.ggml.bos_token_id", _UINT32, struct.pack("<I", _BEGIN)),
        _pair("tokenizer.ggml.eos_token_id", _UINT32, struct.pack("<I", _END)),
        _pair("tokenizer.ggml.add_space_prefix", _BOOL, b"\x00"),
        _pair("tokenizer.chat_template", _STRING, _string(CHAT_TEMPLATE)),
    ]


def _tensors() -> list[tuple[str, tuple[int, ...], "array[float]"]]:
    """Return (name, GGUF shape with the fastest axis first, values in row order) of every tensor."""
    tokens = len(_vocabulary())
    embedding, output = _zeros(WIDTH * tokens), _zeros(WIDTH * tokens)
    for token in range(tokens):
        piece = token - _FIRST_PIECE
        embedding[token * WIDTH + max(piece + 1, 0)] = 1.0
        if piece >= 0:
            output[token * WIDTH + piece] = 8.0
    output[_END * WIDTH + len(PIECES)] = 8.0
    square, wide = (WIDTH, WIDTH), (WIDTH, _FEED_FORWARD)
    ones = array("f", [1.0] * WIDTH)
    zero_weights = {
        "attn_q": square, "attn_k": square, "attn_v": square, "attn_output": square,
        "ffn_gate": wide, "ffn_up": wide, "ffn_down": wide[::-1],
    }  # fmt: skip
    return [
        ("token_embd.weight", (WIDTH, tokens), embedding),
        ("output_norm.weight", (WIDTH,), ones),
        ("output.weight", (WIDTH, tokens), output),
        ("blk.0.attn_norm.weight", (WIDTH,), ones),
        ("blk.0.ffn_norm.weight", (WIDTH,), ones),
        *((f"blk.0.{name}.weight", shape, _zeros(shape[0] * shape[1])) for name, shape in zero_weights.items()),
    ]


def _zeros(count: int) -> "array[float]":
    return array("f", bytes(4 * count))


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _array(kind: int, items: list[bytes]) -> bytes:
    return struct.pack("<IQ", kind, len(items)) + b"".join(items)


def _pair(key: str, kind: int, value: bytes) -> bytes:
    return _string(key) + struct.pack("<I", kind) + value


def _padded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _pad(raw: bytes) -> bytes:
    return raw.ljust(_padded(len(raw)), b"\0")
