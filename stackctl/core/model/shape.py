"""What of a model decides how much memory it takes: layers, heads, windows, experts, states, and its tensors' bytes."""

from dataclasses import dataclass, replace
from functools import cached_property


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One block. Bytes are those of its tensors; lengths count values."""

    heads: int
    kv_heads: int
    has_cache: bool  # of its own; not so in a recurrent layer, and where it uses an earlier layer's
    key: int  # values that the cache keeps of a token as K
    value: int  # likewise as V
    slides: bool  # its attention sees a window only
    state: int  # values of a recurrent state; 0: it has none
    feed_forward: int  # values between its two projections, where it is dense
    shared_feed_forward: int  # of the experts that every token goes through
    expert_feed_forward: int  # of each of the others
    is_gated: bool  # its feed-forward multiplies two projections (SwiGLU and the like)
    weights: int
    experts: int  # of those, what only the chosen experts use
    largest: int  # its largest tensor
    largest_expert: int  # the largest of those that hold its experts


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A model as memory sees it; what its header does not say is 0."""

    architecture: str
    trained_context: int  # tokens
    embedding: int
    head: int  # values of one attention head
    vocabulary: int  # tokens
    window: int  # tokens that a sliding layer sees
    experts: int
    experts_used: int
    inner: int  # of a recurrent layer
    projected: int  # values that a recurrent layer makes of a token at first
    convolved: int  # of those, what goes through its convolution
    layers: tuple[Layer, ...]
    input: int  # bytes of what stays in the machine's memory
    embedding_bytes: int  # of those, the token embedding's
    output: int  # bytes of the output layer; where it shares the embedding's tensor, those once more
    is_tied: bool  # the output layer uses the embedding's tensor
    is_parallel: bool  # attention and feed-forward run side by side
    is_mla: bool  # K is a compressed latent and there is no V
    is_scattered: bool = False  # experts brought over from RAM need room for two tensors at once
    embedding_per_layer: int = 0  # values of a token's embedding for each layer by itself
    streams: int = 1  # hidden states that the model carries at once
    parameters: int = 0  # of all tensors; 0: not known

    @property
    def is_moe(self) -> bool:
        return self.experts_used > 0

    @cached_property
    def widest_value(self) -> int:
        """Values that the widest layer's cache keeps of a token as V."""
        return max((layer.value for layer in self.layers), default=0)

    @property
    def active_share(self) -> float:
        """What part of the blocks' weights one token reads: less than all only with experts."""
        whole = sum(layer.weights for layer in self.layers)
        experts = sum(layer.experts for layer in self.layers)
        if not whole or not self.experts:
            return 1.0
        return (whole - experts + experts * min(self.experts_used, self.experts) / self.experts) / whole

    @property
    def weights(self) -> int:
        """Bytes of all tensors, as the file has them."""
        tied = self.embedding_bytes if self.is_tied else 0
        return self.input + self.output - tied + sum(layer.weights for layer in self.layers)


def scaled(shape: Shape, ratio: float) -> Shape:
    """The same model at another quantisation, whose bytes are so many times these."""
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
