"""The feed-forward layers of a block, by its tensors."""

from typing import NamedTuple

from stackctl.core.model.tensors import Tensor


class FeedForward(NamedTuple):
    """The feed-forward layers of a block, by their tensors; the header's keys say less, and not for every layer."""

    width: int  # values between its two projections; 0 if there is none
    is_gated: bool
    shared: int  # width of the experts that every token uses
    expert: int  # width of one of the others


def of(tensors: list[Tensor]) -> FeedForward:
    """Return those of a block's tensors."""
    shapes = {tensor.name.split(".")[-2]: tensor.shape for tensor in tensors if tensor.name.endswith(".weight")}

    def inner(*names: str) -> int:
        return max((shapes[name][0] for name in names if name in shapes), default=0)

    width = inner("ffn_down", "channel_mix_value")
    up = shapes.get("ffn_up", (0,))
    has_gate = "ffn_gate" in shapes or "channel_mix_value" in shapes or up[-1] > width
    return FeedForward(width, has_gate, inner("ffn_down_shexp"), inner("ffn_down_exps"))
