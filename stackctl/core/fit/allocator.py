"""The allocator of a graph's buffer: ggml_dyn_tallocr_alloc and ggml_dyn_tallocr_free_bytes in ggml's ggml-alloc.c."""

from typing import Final

_ENDLESS: Final = 1 << 62
_ALIGNMENT: Final = 128

Free = tuple[tuple[int, int], ...]  # offset and size of each free block, in order


class Allocator:
    """Gives out places in one buffer, the smallest free block that fits first; top: the bytes that it needed."""

    def __init__(self) -> None:
        self.top = 0
        self._free = [[0, _ENDLESS]]

    @property
    def free(self) -> Free:
        return tuple((offset, size) for offset, size in self._free)

    @free.setter
    def free(self, blocks: Free) -> None:
        self._free = [[offset, size] for offset, size in blocks]

    def take(self, size: int) -> tuple[int, int]:
        """Return a place of this many bytes."""
        size = -(-size // _ALIGNMENT) * _ALIGNMENT
        best = len(self._free) - 1
        for index, (_, room) in enumerate(self._free[:-1]):
            if size <= room <= self._free[best][1]:
                best = index
        block = self._free[best]
        place = (block[0], size)
        block[0] += size
        block[1] -= size
        if not block[1]:
            del self._free[best]
        self.top = max(self.top, place[0] + size)
        return place

    def give(self, place: tuple[int, int]) -> None:
        """Take a place back."""
        offset, size = place
        after = next(index for index, block in enumerate(self._free) if block[0] > offset)
        block = self._free[after]
        if offset + size == block[0]:
            block[0], block[1] = offset, block[1] + size
        else:
            self._free.insert(after, [offset, size])
        if after and sum(self._free[after - 1]) == offset:
            self._free[after - 1][1] += self._free[after][1]
            del self._free[after]
