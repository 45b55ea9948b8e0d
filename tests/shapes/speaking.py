"""A Gemma 4 of some hundred kilobytes that answers with one known sentence, by the trick of core/model/demo_model.py.

Attention and feed-forward weights are zero, so that the last token alone decides: any prompt leads to the first piece
of the sentence, each piece to the next, the last one to the end of the turn. One layer sees a window, one everything,
as in every Gemma 4.
"""

import struct
from typing import Final

from tests.shapes.header import Value, header

PIECES: Final = ("One", " key", " chose", " me,", " and", " I", " speak", " through", " SillyTavern.")
SENTENCE: Final = "".join(PIECES)
LABEL: Final = "Q4_0"
WIDTH, WINDOW_HEAD, WIDE_HEAD, FEED_FORWARD, LAYERS = 64, 32, 64, 128, 2
WINDOW, CONTEXT = 512, 131072
_END, _FIRST = 2, 3 + 256
TOKENS: Final = ("<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *PIECES)
_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def gguf_bytes() -> bytes:
    """Return the whole file."""
    tensors = _tensors()
    head, _ = header(_metadata(), {name: (kind, shape) for name, (kind, shape, _) in tensors.items()})
    return head + b"".join(raw + b"\0" * (-len(raw) % 32) for _, _, raw in tensors.values())


def _metadata() -> dict[str, Value]:
    own: dict[str, Value] = {
        "context_length": CONTEXT, "embedding_length": WIDTH, "block_count": LAYERS,
        "feed_forward_length": FEED_FORWARD, "attention.head_count": 1, "attention.head_count_kv": 1,
        "attention.layer_norm_rms_epsilon": 1e-6, "vocab_size": len(TOKENS), "attention.key_length": WIDE_HEAD,
        "attention.value_length": WIDE_HEAD, "attention.key_length_swa": WINDOW_HEAD,
        "attention.value_length_swa": WINDOW_HEAD, "rope.dimension_count": WIDE_HEAD,
        "rope.dimension_count_swa": WINDOW_HEAD, "attention.sliding_window": WINDOW,
        "attention.sliding_window_pattern": [True, False], "embedding_length_per_layer_input": 0,
    }  # fmt: skip
    return {
        "general.architecture": "gemma4",
        "general.name": "speaking",
        **{f"gemma4.{key}": value for key, value in own.items()},
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": [piece.replace(" ", "\u2581") for piece in TOKENS],
        "tokenizer.ggml.scores": [0.0] * len(TOKENS),
        "tokenizer.ggml.token_type": [2, 3, 3, *[6] * 256, *[1] * len(PIECES)],
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": _END,
        "tokenizer.ggml.add_space_prefix": False,
        "tokenizer.chat_template": _TEMPLATE,
    }


def _tensors() -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """Return the type, the shape with the fastest axis first, and the bytes of each."""
    found = {
        "token_embd.weight": ("q4_0", (WIDTH, len(TOKENS)), _q4_0(_input())),
        "output.weight": ("q4_0", (WIDTH, len(TOKENS)), _q4_0(_output())),
        "output_norm.weight": _ones(WIDTH),
        "rope_freqs.weight": _ones(WIDE_HEAD // 2),
    }
    for layer, head in enumerate((WINDOW_HEAD, WIDE_HEAD)):
        own = {
            **{name: _ones(WIDTH) for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")},
            **{name: _ones(head) for name in ("attn_q_norm", "attn_k_norm")},
            **{name: _zeros(WIDTH, head) for name in ("attn_q", "attn_k", "attn_v")},
            **{name: _zeros(WIDTH, FEED_FORWARD) for name in ("ffn_gate", "ffn_up")},
            "attn_output": _zeros(head, WIDTH),
            "ffn_down": _zeros(FEED_FORWARD, WIDTH),
            "layer_output_scale": _ones(1),
        }
        found |= {f"blk.{layer}.{name}.weight": one for name, one in own.items()}
    return found


def _input() -> list[float]:
    """Return the rows that say of each token which piece follows it."""
    found = [0.0] * (WIDTH * len(TOKENS))
    for token in range(len(TOKENS)):
        found[token * WIDTH + max(token - _FIRST + 1, 0)] = 1.0
    return found


def _output() -> list[float]:
    """Return the rows that give each piece what leads to it."""
    found = [0.0] * (WIDTH * len(TOKENS))
    for piece in range(len(PIECES)):
        found[(_FIRST + piece) * WIDTH + piece] = 8.0
    found[_END * WIDTH + len(PIECES)] = 8.0
    return found


def _ones(count: int) -> tuple[str, tuple[int, ...], bytes]:
    return "f32", (count,), struct.pack(f"<{count}f", *[1.0] * count)


def _zeros(*shape: int) -> tuple[str, tuple[int, ...], bytes]:
    return "q4_0", shape, _q4_0([0.0] * (shape[0] * shape[1]))


def _q4_0(values: list[float]) -> bytes:
    """Return blocks of 32 values of which those that are not 0.0 are equal: a scale and half bytes.

    ggml-common.h: block_q4_0; ggml-quants.c: quantize_row_q4_0_ref.
    """
    return b"".join(_block(values[at : at + 32]) for at in range(0, len(values), 32))


def _block(values: list[float]) -> bytes:
    halves = [0 if one else 8 for one in values]  # (half - 8) * scale
    return struct.pack(
        "<e16B", -max(values) / 8, *(low | high << 4 for low, high in zip(halves[:16], halves[16:], strict=True))
    )
