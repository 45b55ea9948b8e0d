"""The shape of a GGUF model, by the rules of each architecture.

Sources: llama.cpp's src/llama-hparams.cpp, src/llama-model.cpp and src/models/*.cpp (as in llama-cpp-python 0.3.36):
the keys that count, their defaults, and their meaning in each architecture.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from math import prod
from typing import Final

from stackctl.core.model import architectures, feed_forward
from stackctl.core.model.file_signature import AGAIN
from stackctl.core.model.gguf import GgufFile
from stackctl.core.model.shape import Layer, Shape, Weight
from stackctl.core.model.tensors import Tensor
from stackctl.errors import ModelError

_MAX_LAYERS: Final = 1024  # llama.cpp takes 512 (src/llama-hparams.h)
_BLOCK: Final = re.compile(r"blk\.([0-9]{1,5})\.")  # Python refuses to parse numbers with very many digits
# tensors of the input layer, which always stays in the main memory
_INPUT: Final = ("token_embd.", "position_embd.", "token_types.", "per_layer_token_embd.")
_BESIDE_FIRST_BLOCK: Final = ("per_layer_model_proj.", "per_layer_proj_norm.")  # on the device of the first block
_EXPERTS: Final = re.compile(r"_(?:ch)?exps(?:\.|$)")
# measured: with experts in RAM, the buffer does not reuse the space of the first tensor for the second
_SCATTERED: Final = frozenset({"afmoe", "nemotron_h_moe", "qwen35moe", "qwen3next", "qwen4exp"})


def shape_of(*files: GgufFile) -> Shape:
    """Return the shape of a GGUF model. files: all its parts, the first of which has the metadata."""
    return _Reading(files[0], [tensor for file in files for tensor in file.tensors]).shape()


class _Reading:
    """The numbers of a header, by llama.cpp's names."""

    def __init__(self, file: GgufFile, tensors: Iterable[Tensor]) -> None:
        self.file, self.tensors = file, list(tensors)
        self.architecture = file.text("general.architecture")
        found = (_BLOCK.match(tensor.name) for tensor in self.tensors)
        named = max((int(one[1]) + 1 for one in found if one), default=0)  # no block's weights may be left out
        self.count = file.number(f"{self.architecture}.block_count") or named
        if self.count > _MAX_LAYERS:
            raise ModelError(
                f"the model's header is damaged: impossible number of layers: {self.count}",
                hint=AGAIN,
                issue="model-damaged",
            )
        self.trunk = max(0, self.count - self.number("nextn_predict_layers"))
        self.kv_heads = self.each("attention.head_count_kv") or self.each("attention.head_count")
        self.heads = self.each("attention.head_count")
        self.feed_forward = self.each("feed_forward_length")
        self.embedding = self.number("embedding_length")
        self.has_states = any(self.number(key) for key in ("ssm.inner_size", "shortconv.l_cache", "kda.head_dim"))
        self.has_states = self.has_states or self.architecture in architectures.INTERVAL
        self.window = self._window()
        self.slides = self._sliding()

    def number(self, key: str, default: int = 0) -> int:
        return self.file.number(f"{self.architecture}.{key}") or default

    def each(self, key: str) -> tuple[int, ...]:
        """Return a value per layer; () if the header has none."""
        value = self.file.metadata.get(f"{self.architecture}.{key}")
        if isinstance(value, tuple):
            if any(isinstance(one, float) for one in value):
                raise ModelError(
                    f"the model's header is damaged: {self.architecture}.{key} should be whole numbers",
                    hint=AGAIN,
                    issue="model-damaged",
                )
            whole = tuple(max(0, int(one)) for one in value[: self.count])
            return whole + (0,) * (self.count - len(whole))
        if isinstance(value, int) and not isinstance(value, bool):
            return (max(0, value),) * self.count
        return ()

    def shape(self) -> Shape:
        blocks: dict[int, list[Tensor]] = {}
        rest: list[Tensor] = []
        for tensor in self.tensors:
            found = _BLOCK.match(tensor.name)
            (blocks.setdefault(int(found[1]), []) if found else rest).append(tensor)
        blocks.setdefault(0, []).extend(tensor for tensor in rest if tensor.name.startswith(_BESIDE_FIRST_BLOCK))
        rest = [tensor for tensor in rest if not tensor.name.startswith(_BESIDE_FIRST_BLOCK)]
        inputs = [tensor for tensor in rest if tensor.name.startswith(_INPUT)]
        embedding = sum(tensor.size for tensor in inputs if tensor.name == "token_embd.weight")
        is_tied = not any(tensor.name == "output.weight" for tensor in rest)
        return Shape(
            architecture=self.architecture,
            trained_context=self.number("context_length"),
            embedding=self.embedding,
            head=self._key_length(slides=False),
            vocabulary=self.number("vocab_size") or self.file.lengths.get("tokenizer.ggml.tokens", 0),
            window=self.window,
            experts=self.number("expert_count"),
            experts_used=max(self.each("expert_used_count") or (0,)),
            inner=self.number("ssm.inner_size"),
            projected=2 * self.number("ssm.inner_size") + self._mixed + self.number("ssm.time_step_rank"),
            convolved=self.number("ssm.inner_size") + self._mixed,
            layers=self._looped(tuple(self._layer(index, blocks.get(index, [])) for index in range(self.count))),
            input=sum(tensor.size for tensor in inputs),
            output=sum(tensor.size for tensor in rest) - sum(t.size for t in inputs) + (embedding if is_tied else 0),
            is_tied=is_tied,
            is_parallel=self.architecture in architectures.PARALLEL,
            is_mla=self._is_mla,
            is_scattered=self.architecture in _SCATTERED,
            embedding_bytes=embedding,
            embedding_per_layer=self.number("embedding_length_per_layer_input"),
            chosen=self.number("attention.indexer.top_k") if self.architecture in architectures.SPARSE else 0,
            rotated=self.number("rope.dimension_count"),
            query=self.number("attention.key_length_mla"),
            indexer_query=self.number("attention.indexer.head_count") * self.number("attention.indexer.key_length"),
            deepstack=self.number("n_deepstack_layers"),
            streams=self.number("altup.num_inputs", 1),
            connections=self.number("hyper_connection.count", 1),
            keeps_logits=self.architecture in architectures.KEEPS_LOGITS,
            masks_logits=self.architecture in architectures.MASKS_LOGITS,
            masks_each=self.architecture in architectures.MASK_EACH,
            parameters=sum(prod(tensor.shape) for tensor in self.tensors),
        )

    def _looped(self, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        """Return the layers as llama.cpp counts them: loops through the same weights, and a router, have caches."""
        if self.architecture == "nanbeige":
            again = tuple(replace(one, weights=0, experts=0, largest=0, largest_expert=0) for one in layers)
            return layers + again * (self.number("num_loops", 1) - 1)
        if self.architecture == "graniteswitch" and layers:
            head = self._key_length(slides=False)
            router = replace(layers[0], heads=1, kv_heads=1, key=head, value=head, tensors=(), weights=0, largest=0)
            return (*layers, router)
        return layers

    @property
    def _mixed(self) -> int:
        return 2 * self.number("ssm.group_count") * self.number("ssm.state_size")

    @property
    def _has_only_keys(self) -> bool:
        return self._is_mla or self.architecture == "deepseek4"

    @property
    def _is_mla(self) -> bool:
        return self.number("attention.key_length_mla") > 0 and self.number("attention.value_length_mla") > 0

    def _layer(self, index: int, tensors: list[Tensor]) -> Layer:
        if index >= self.trunk:  # it predicts further tokens; llama.cpp skips its tensors, but counts it as a layer
            loaded = architectures.LOADED_AHEAD.get(self.architecture)
            tensors = [tensor for tensor in tensors if loaded and loaded.search(tensor.name)]
        heads = self.heads[index] if self.heads else 0
        kv_heads = self.kv_heads[index] if self.kv_heads else 0
        slides, is_recurrent = self.slides[index], self._is_recurrent(index)
        ratios = self.each("attention.compress_ratios") if self.architecture == "deepseek4" else ()
        compressed = ratios[index] if ratios and index < self.trunk else 0
        has_cache = self._has_cache(index) and (not is_recurrent or self.architecture in architectures.BOTH)
        has_cache = has_cache and (
            kv_heads > 0 or not self.has_states
        )  # a hybrid's block with only a feed-forward has none
        sized = tuple(
            Weight(_BLOCK.sub("", tensor.name).removesuffix(".weight"), tensor.size, prod(tensor.shape[1:]))
            for tensor in tensors
        )
        experts = [one.size for one in sized if _EXPERTS.search(one.name)]
        dense = feed_forward.of(tensors)
        return Layer(
            heads=heads,
            kv_heads=kv_heads,
            key=kv_heads * self._key_length(slides=slides) if has_cache else 0,
            value=kv_heads * self._value_length(slides=slides) if has_cache and not self._has_only_keys else 0,
            has_cache=has_cache,
            shares_cache=index < self.trunk and kv_heads > 0 and not is_recurrent and self._shares_cache(index),
            slides=slides,
            state=self._state(index) if is_recurrent else self._compressor(compressed),
            feed_forward=dense.width,
            shared_feed_forward=dense.shared,
            expert_feed_forward=dense.expert,
            is_gated=dense.is_gated,
            compressed=compressed,
            indexer=self._indexer(index) if has_cache and (compressed or not slides) else 0,
            tensors=sized,
            weights=sum(one.size for one in sized),
            experts=sum(experts),
            largest=max((one.size for one in sized), default=0),
            largest_expert=max(experts, default=0),
        )

    def _head(self) -> int:
        heads = self.heads[0] if self.heads else 0
        return self.embedding // heads if heads else 0

    def _key_length(self, *, slides: bool) -> int:
        full = self.number("attention.key_length", self._head())
        return self.number("attention.key_length_swa", full) if slides else full

    def _value_length(self, *, slides: bool) -> int:
        full = self.number("attention.value_length", self._head())
        return self.number("attention.value_length_swa", full) if slides else full

    def _window(self) -> int:
        """Return the tokens that a sliding layer sees."""
        key = f"{self.architecture}.attention.sliding_window"
        default = architectures.DEFAULT_WINDOW.get(self.architecture, 0)
        window = self.file.number(key) if key in self.file.metadata else default
        return architectures.FIXED_WINDOW.get(self.architecture, window) if window else 0

    def _sliding(self) -> tuple[bool, ...]:
        """Return which layers slide. An unlisted architecture ignores its sliding_window key."""
        none = (False,) * self.count
        if self.architecture not in architectures.PERIODS or not self.window:
            return none
        if architectures.SLIDES_ONLY_WITH.get(self.architecture, self.trunk) != self.trunk:
            return none
        key = f"{self.architecture}.attention.sliding_window_pattern"
        written = self.file.metadata.get(key)
        if isinstance(written, tuple):
            flags = tuple(bool(one) for one in written[: self.count])
            return flags + (False,) * (self.count - len(flags))
        if self.architecture == "lfm2":
            return tuple(not self._is_recurrent(index) for index in range(self.count))
        period, first_is_full = architectures.PERIODS[self.architecture]
        period = self.file.number(key) or period
        if not period:
            return none
        full_at = 0 if first_is_full else period - 1
        return tuple(index < self.trunk and index % period != full_at for index in range(self.count))

    def _is_recurrent(self, index: int) -> bool:
        if self.architecture in architectures.ALWAYS_RECURRENT or self.architecture in architectures.BOTH:
            return True
        written = self.each("attention.recurrent_layers")
        if written:
            return bool(written[index])
        if self.architecture in architectures.INTERVAL:
            interval = self.number("full_attention_interval", architectures.INTERVAL[self.architecture])
            return index < self.trunk and (index + 1) % interval != 0
        if not self.has_states or not self.kv_heads:
            return False
        if self.architecture.startswith("nemotron_h") and self.feed_forward and self.feed_forward[index]:
            return False  # that block is only a feed-forward
        return self.kv_heads[index] == 0

    def _state(self, index: int) -> int:
        """Return the values of one recurrent layer's state, for one sequence."""
        heads = self.heads[index] if self.heads else 0
        if cache := self.number("shortconv.l_cache"):
            return self.embedding * (cache - 1)
        convolution = self.number("ssm.conv_kernel")
        if kda := self.number("kda.head_dim"):
            inner = (heads or (self.heads[0] if self.heads else 0)) * kda
            return 3 * (convolution - 1 if convolution else 3) * inner + kda * inner
        if self.architecture == "minimax-01":
            return self._key_length(slides=False) ** 2 * heads
        if wkv := self.number("wkv.head_size"):
            return self.number("token_shift_count", 2) * self.embedding + self.embedding * wkv
        inner, state = self.number("ssm.inner_size"), self.number("ssm.state_size")
        groups = self.number("ssm.group_count")
        return max(0, convolution - 1) * (inner + 2 * groups * state) + state * inner

    def _compressor(self, ratio: int) -> int:
        """Return the values of what a compressed cache collects before it keeps a key: llama_dsv4_comp_state."""
        key = self._key_length(slides=False)
        if ratio == architectures.CHOOSES:
            return 2 * (2 * ratio) * 2 * (key + self.number("attention.indexer.key_length"))
        return 2 * ratio * key

    def _indexer(self, index: int) -> int:
        """Return the values that the cache keeps for a token for a layer's indexer: llama_kv_cache_dsa, _msa."""
        length = self.number("attention.indexer.key_length")
        kind = architectures.INDEXERS.get(self.architecture)
        if not kind or not length or not self.number("attention.indexer.top_k"):
            return 0
        if self.architecture == "deepseek4" and self.each("attention.compress_ratios")[index] != architectures.CHOOSES:
            return 0
        if self.architecture == "minimax-m3" and index < self.number("leading_dense_block_count"):
            return 0
        if kind.listed:
            listed = self.each("attention.indexer.types")
            shares = architectures.shares_indexer(self.architecture, self.number("context_length"), index)
            if not (listed[index] if listed else kind.default and not shares):
                return 0
        return kind.keys * length + (self._value_length(slides=False) if kind.has_values else 0)

    def _has_cache(self, index: int) -> bool:
        return self.architecture not in architectures.WITHOUT_CACHE and not self._shares_cache(index)

    def _shares_cache(self, index: int) -> bool:
        if shared := self.number("attention.shared_kv_layers"):
            return index >= self.count - shared
        return index >= min(self.trunk, architectures.SHARED_FROM.get(self.architecture, self.trunk))
