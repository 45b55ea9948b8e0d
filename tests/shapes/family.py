"""Models of many families in their public config.json's numbers, with the tensors that llama.cpp's converter makes.

Types are those of the measured files: q4_k_m by the rules of llama.cpp's quantiser (src/llama-quant.cpp) without its
exceptions for single families, every other mix one type throughout.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.shapes.header import KINDS, Value

Tensors = dict[str, tuple[str, Sequence[int]]]


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model's numbers. kv_heads: one for all layers, or one each (0: no attention in that layer)."""

    arch: str
    layers: int
    embd: int
    ff: int
    heads: int
    kv_heads: int | tuple[int, ...]
    vocab: int
    head: int = 0  # values per head; 0: embd / heads
    is_tied: bool = False
    window: int = 0
    experts: int = 0
    used: int = 0
    ff_expert: int = 0
    shared: int = 0  # shared experts
    dense: int = 0  # leading layers without experts
    context: int = 131072
    kv_rank: int = 0  # MLA
    rope: int = 64
    nope: int = 128
    value_head: int = 128
    inner: int = 0  # recurrent layers
    state: int = 0
    groups: int = 0
    conv: int = 4
    step: int = 0  # ssm.time_step_rank
    more: dict[str, Value] = field(default_factory=dict)  # further metadata, keys without the architecture

    @property
    def head_size(self) -> int:
        return self.head or self.embd // self.heads

    def kv(self, layer: int) -> int:
        return self.kv_heads if isinstance(self.kv_heads, int) else self.kv_heads[layer]

    def metadata(self) -> dict[str, Value]:
        own: dict[str, Any] = {
            "context_length": self.context,
            "embedding_length": self.embd,
            "block_count": self.layers,
            "feed_forward_length": self.ff,
            "attention.head_count": self.heads,
            "attention.head_count_kv": self.kv_heads if isinstance(self.kv_heads, int) else list(self.kv_heads),
            "attention.layer_norm_rms_epsilon": 1e-5,
            "vocab_size": self.vocab,
        }
        if self.head:
            own |= {"attention.key_length": self.head, "attention.value_length": self.head}
        if self.window:
            own["attention.sliding_window"] = self.window
        if self.experts:
            own |= {"expert_count": self.experts, "expert_used_count": self.used}
        if self.ff_expert:
            own["expert_feed_forward_length"] = self.ff_expert
        if self.kv_rank:
            own |= {
                "attention.key_length": self.kv_rank + self.rope, "attention.value_length": self.kv_rank,
                "attention.key_length_mla": self.nope + self.rope, "attention.value_length_mla": self.value_head,
                "attention.kv_lora_rank": self.kv_rank, "rope.dimension_count": self.rope,
                "leading_dense_block_count": self.dense, "expert_shared_count": self.shared,
                "expert_weights_scale": 1.0,
            }  # fmt: skip
        if self.inner:
            own |= {
                "ssm.conv_kernel": self.conv, "ssm.inner_size": self.inner, "ssm.state_size": self.state,
                "ssm.group_count": self.groups, "ssm.time_step_rank": self.step,
            }  # fmt: skip
        return {
            "general.architecture": self.arch,
            **{f"{self.arch}.{key}": value for key, value in {**own, **self.more}.items()},
            "tokenizer.ggml.model": "gpt2",
        }

    def tensors(self, quant: str = "q4_k_m") -> Tensors:
        """The tensor table at one of llama.cpp's mixes."""
        found: Tensors = {
            "token_embd.weight": ("", (self.embd, self.vocab)),
            "output_norm.weight": ("f32", (self.embd,)),
        }
        if not self.is_tied:
            found["output.weight"] = ("", (self.embd, self.vocab))
        for layer in range(self.layers):
            found |= {f"blk.{layer}.{name}": ("", shape) for name, shape in self._block(layer)}
        counts = {"attn_v": 0, "ffn_down": 0}
        return {name: (_Mix(self, quant, counts).kind(name, shape), shape) for name, (_, shape) in found.items()}

    def _block(self, layer: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield "attn_norm.weight", (self.embd,)
        if self.kv_rank:
            yield from self._latent()
        elif self.inner and self.kv(layer) == 0:
            yield from self._recurrent()
        else:
            yield from self._attention(layer)
        if self.arch in {"gemma2", "gemma3"}:
            yield "post_attention_norm.weight", (self.embd,)
            yield "post_ffw_norm.weight", (self.embd,)
        if self.arch in {"qwen3", "qwen3moe", "gemma3"}:
            yield "attn_q_norm.weight", (self.head_size,)
            yield "attn_k_norm.weight", (self.head_size,)
        if self.arch != "cohere2":
            yield "ffn_norm.weight", (self.embd,)
        yield from self._feed_forward(layer)

    def _attention(self, layer: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        wide, narrow = self.heads * self.head_size, self.kv(layer) * self.head_size
        if self.arch == "phi3":
            yield "attn_qkv.weight", (self.embd, wide + 2 * narrow)
        else:
            for name, size in (("q", wide), ("k", narrow), ("v", narrow)):
                yield f"attn_{name}.weight", (self.embd, size)
                if self.arch == "qwen2":
                    yield f"attn_{name}.bias", (size,)
        yield "attn_output.weight", (wide, self.embd)

    def _latent(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield "attn_q.weight", (self.embd, self.heads * (self.nope + self.rope))
        yield "attn_kv_a_mqa.weight", (self.embd, self.kv_rank + self.rope)
        yield "attn_kv_a_norm.weight", (self.kv_rank,)
        yield "attn_k_b.weight", (self.nope, self.kv_rank, self.heads)
        yield "attn_v_b.weight", (self.kv_rank, self.value_head, self.heads)
        yield "attn_output.weight", (self.heads * self.value_head, self.embd)

    def _recurrent(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        convolved = self.inner + 2 * self.groups * self.state
        yield "ssm_in.weight", (self.embd, 2 * self.inner + 2 * self.groups * self.state + self.step)
        yield "ssm_conv1d.weight", (self.conv, convolved)
        yield "ssm_conv1d.bias", (convolved,)
        yield "ssm_dt.bias", (self.step,)
        yield "ssm_a", (1, self.step)
        yield "ssm_d", (1, self.step)
        yield "ssm_norm.weight", (self.inner // self.groups, self.groups)
        yield "ssm_out.weight", (self.inner, self.embd)

    def _feed_forward(self, layer: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        if self.experts and layer >= self.dense:
            inner = self.ff_expert or self.ff
            yield "ffn_gate_inp.weight", (self.embd, self.experts)
            yield "ffn_gate_exps.weight", (self.embd, inner, self.experts)
            yield "ffn_down_exps.weight", (inner, self.embd, self.experts)
            yield "ffn_up_exps.weight", (self.embd, inner, self.experts)
            if self.shared:
                yield "ffn_gate_shexp.weight", (self.embd, inner * self.shared)
                yield "ffn_down_shexp.weight", (inner * self.shared, self.embd)
                yield "ffn_up_shexp.weight", (self.embd, inner * self.shared)
            return
        if self.arch != "phi3":
            yield "ffn_gate.weight", (self.embd, self.ff)
        yield "ffn_down.weight", (self.ff, self.embd)
        yield "ffn_up.weight", (self.embd, self.ff * (2 if self.arch == "phi3" else 1))


@dataclass(frozen=True)
class _Mix:
    """One of the quantiser's mixes over one model."""

    model: Model
    quant: str
    counts: dict[str, int]

    def kind(self, name: str, shape: Sequence[int]) -> str:
        is_plain = len(shape) < 2 or not name.endswith(".weight") or "_norm" in name
        if is_plain or "ffn_gate_inp" in name or "ssm_conv1d" in name or name.endswith(("ssm_a", "ssm_d")):
            return "f32"
        if self.quant == "f16":
            return "f16"
        return self._fitting(self._wanted(name), shape[0])

    def _wanted(self, name: str) -> str:
        if self.quant != "q4_k_m":
            return self.quant
        if name == "output.weight" or (self.model.is_tied and name == "token_embd.weight"):
            return "q6_k"
        if ".attn_v." in name or ".attn_qkv." in name:
            at = self._next("attn_v")
            has_more = _more(at, sum(1 for i in range(self.model.layers) if self.model.kv(i)))
            return ("q5_k" if ".attn_qkv." in name else "q6_k") if has_more else "q4_k"
        if ".ffn_down" in name:
            at = self._next("ffn_down")
            layer = int(name.split(".")[1]) if self.model.experts > 1 else at
            return "q6_k" if _more(layer, self.model.layers) else "q4_k"
        return "q4_k"

    def _next(self, what: str) -> int:
        self.counts[what] += 1
        return self.counts[what] - 1

    @staticmethod
    def _fitting(kind: str, columns: int) -> str:
        """What is no multiple of a block goes to a finer type."""
        if columns % KINDS[kind][1]:
            kind = "q8_0"
        return "f16" if columns % 32 else kind


def _more(layer: int, layers: int) -> bool:
    """Whether a mix gives a layer more bits: the first and last eighth, and every third between."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2
