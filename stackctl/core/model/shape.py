"""The properties of a model that decide its memory: layers, heads, windows, experts, states and tensor sizes."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple


class Weight(NamedTuple):
    """A tensor of a block. name: without the block and "weight"; rows: the values that it makes of a token."""

    name: str
    size: int  # bytes
    rows: int


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One block. Lengths count values; weights, experts and largest count bytes."""

    heads: int
    kv_heads: int
    has_cache: bool  # False in a recurrent layer, and in one that uses an earlier layer's cache
    key: int  # values that the cache keeps for a token as K
    value: int  # values that the cache keeps for a token as V
    slides: bool  # its attention sees only a window
    state: int  # values of a recurrent state; 0 if it has none
    feed_forward: int  # values between its two projections, if it is dense
    shared_feed_forward: int  # the same of the experts that every token uses
    expert_feed_forward: int  # the same of each of the other experts
    is_gated: bool  # its feed-forward multiplies two projections (SwiGLU and the like)
    weights: int
    experts: int  # the part of weights that only the chosen experts use
    largest: int  # its largest tensor
    largest_expert: int  # the largest tensor with its experts
    compressed: int = 0  # tokens of which a compressed cache keeps one key, beside the window; 0 if it has none
    indexer: int = 0  # values that the cache keeps for a token to find which tokens its attention sees
    shares_cache: bool = False  # its attention reads the cache of an earlier layer
    tensors: tuple[Weight, ...] = ()  # () if unknown

    def weight(self, name: str) -> Weight:
        """Return a tensor that the block has."""
        return self._weights[name]

    def optional(self, name: str) -> Weight | None:
        return self._weights.get(name)

    @cached_property
    def _weights(self) -> dict[str, Weight]:
        return {weight.name: weight for weight in self.tensors}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The properties of a whole model; 0 for what its header does not state."""

    architecture: str
    trained_context: int  # tokens
    embedding: int
    head: int  # values of one attention head
    vocabulary: int  # tokens
    window: int  # tokens that a sliding layer sees
    experts: int
    experts_used: int
    inner: int  # values inside a recurrent layer
    projected: int  # values of a recurrent layer's first projection of a token
    convolved: int  # the part of projected that goes through its convolution
    layers: tuple[Layer, ...]
    input: int  # bytes of the input tensors, which stay in the main memory
    embedding_bytes: int  # the part of input that is the token embedding
    output: int  # bytes of the output layer; if it shares the embedding's tensor, that tensor's bytes again
    is_tied: bool  # the output layer uses the embedding's tensor
    is_parallel: bool  # attention and feed-forward run side by side
    is_mla: bool  # K is a compressed latent and there is no V
    is_scattered: bool = False  # copying experts from RAM needs space for two tensors at once
    embedding_per_layer: int = 0  # values of a token's separate embedding for each layer
    chosen: int = 0  # tokens that an indexer picks for each token
    rotated: int = 0  # values of a compressed K that hold the position
    query: int = 0  # values of one head of a query before it is taken to the width of a compressed K
    indexer_query: int = 0  # values of an indexer's queries, all heads
    deepstack: int = 0  # further embeddings of a token that a picture adds to the first blocks
    streams: int = 1  # hidden states that the model keeps in parallel
    connections: int = 1  # hidden states that go from block to block, where hyper-connections mix them
    masks_each: bool = False  # each block's indexer makes a separate mask
    keeps_logits: bool = False  # it computes those of all tokens of a batch
    masks_logits: bool = False  # it makes further logits of them, without some tokens
    parameters: int = 0  # of all tensors; 0 if unknown

    @property
    def is_moe(self) -> bool:
        return self.experts_used > 0

    @cached_property
    def is_compressed(self) -> bool:
        """Return whether some layers keep compressed keys, each slot its own: llama_kv_cache_dsv4."""
        return any(layer.compressed for layer in self.layers)

    @cached_property
    def alike(self) -> tuple[int, ...]:
        """Return a number per layer, which is the same for layers that are the same."""
        numbers: dict[Layer, int] = {}
        return tuple(numbers.setdefault(layer, len(numbers)) for layer in self.layers)

    @cached_property
    def loops(self) -> bool:
        """Return whether a token goes through the same weights again: only the first of such layers has their bytes."""
        return any(layer.tensors and not layer.weights for layer in self.layers)

    @cached_property
    def key_lengths(self) -> frozenset[int]:
        """Return the values that a layer's cache keeps for a token as K of one head, for all layers."""
        return frozenset(layer.key // layer.kv_heads for layer in self.layers if layer.key and layer.kv_heads)

    @cached_property
    def widest_value(self) -> int:
        """Return the values that the widest layer's cache keeps for a token as V."""
        return max((layer.value for layer in self.layers), default=0)

    def idle(self, experts: int) -> int:
        """Return how many of these bytes of experts a token does not read."""
        return experts * max(0, self.experts - self.experts_used) // self.experts if self.experts else 0

    @property
    def weights(self) -> int:
        """Return the bytes of all tensors in the file."""
        tied = self.embedding_bytes if self.is_tied else 0
        return self.input + self.output - tied + sum(layer.weights for layer in self.layers)


def scaled(shape: Shape, ratio: float) -> Shape:
    """Return the shape of the same model in another quantisation, whose size is `ratio` times this one's."""
    layers = tuple(
        replace(
            layer,
            weights=int(layer.weights * ratio),
            experts=int(layer.experts * ratio),
            largest=int(layer.largest * ratio),
            largest_expert=int(layer.largest_expert * ratio),
        )
        for layer in shape.layers
    )
    return replace(
        shape,
        layers=layers,
        input=int(shape.input * ratio),
        output=int(shape.output * ratio),
        embedding_bytes=int(shape.embedding_bytes * ratio),
    )
