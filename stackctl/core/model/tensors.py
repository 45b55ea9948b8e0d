"""The rows of a GGUF's tensor table, and the bytes that each takes."""

from math import prod
from typing import NamedTuple

from stackctl.core.model.ggml_types import BLOCKS


class Tensor(NamedTuple):
    """One row of the tensor table."""

    name: str
    shape: tuple[int, ...]  # values per dimension, the innermost first (ggml's ne)
    kind: int  # ggml's number of the type
    offset: int  # bytes from the start of the tensor data
    room: int = 0  # bytes up to the next tensor, for a type whose size is unknown

    @property
    def size(self) -> int:
        """Return the bytes of its data: of an unknown type all that it has room for, and at least a bit a value."""
        per_block, block_bytes = BLOCKS.get(self.kind, (8, 1))
        return max(self.room, -(-prod(self.shape) // per_block) * block_bytes)


def with_room(tensors: tuple[Tensor, ...], end: int) -> tuple[Tensor, ...]:
    """Return the tensors, those of a type whose size is unknown with their room. end: that of the tensor data."""
    if all(tensor.kind in BLOCKS for tensor in tensors):
        return tensors
    rooms = _distances([tensor.offset for tensor in tensors], end)
    return tuple(
        one if one.kind in BLOCKS else one._replace(room=room) for one, room in zip(tensors, rooms, strict=True)
    )


def _distances(offsets: list[int], end: int) -> list[int]:
    """Return the bytes from each offset to the next higher one, or to `end`, the end of the data.

    Of several tensors at one offset the last gets them, so that all of them together are never more than the data.
    """
    found, after = [0] * len(offsets), end
    for at in sorted(range(len(offsets)), key=lambda index: (offsets[index], index), reverse=True):
        found[at] = max(0, after - offsets[at])
        after = min(after, offsets[at])
    return found
