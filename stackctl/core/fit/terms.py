"""The terms of the sum, each in bytes.

Sources: llama.cpp's src/llama-kv-cache*.cpp, src/llama-memory-recurrent.cpp, src/llama-context.cpp (sched_reserve,
output_reserve) and src/llama-graph.cpp; the closed form of the compute buffer was derived from its graphs and checked
against what llama.cpp itself reserves (tests/core/fit).
"""

from dataclasses import dataclass
from functools import cached_property

from stackctl.contracts.memory import Reserves
from stackctl.core.fit.settings import KV_TYPES, Settings
from stackctl.core.model.shape import Layer, Shape

_F32 = 4
_CELLS = 256  # caches grow in steps of this many tokens


def padded(tokens: int) -> int:
    return -(-tokens // _CELLS) * _CELLS


@dataclass(frozen=True, kw_only=True)
class Run:
    """A model and its settings, with the values that several terms share."""

    shape: Shape
    settings: Settings
    reserves: Reserves

    @cached_property
    def slots(self) -> int:
        return self.settings.slots or self.reserves.slots

    @cached_property
    def is_shared(self) -> bool:
        """Return whether all slots share one cache: only if their number is the default."""
        return self.slots == 1 or (self.settings.slots is None and self.reserves.shares_one_cache)

    @cached_property
    def streams(self) -> int:
        return 1 if self.is_shared else self.slots

    @cached_property
    def batch(self) -> int:
        return min(self.settings.batch or self.reserves.batch, self.settings.context)

    @cached_property
    def cells(self) -> int:
        """Return the tokens of one stream's cache in a layer with full attention (llama-kv-cache.cpp)."""
        return padded(padded(self.settings.context + self.reserves.more_context) // self.streams)

    @cached_property
    def window_cells(self) -> int:
        """Return the tokens of one stream's cache in a layer with sliding attention (llama-kv-cache-iswa.cpp)."""
        seen = self.shape.window * (self.slots if self.is_shared else 1) + self.batch
        return min(self.cells, padded(min(self.cells, seen)) + self.reserves.more_window)

    @property
    def outputs(self) -> int:
        """Return the tokens of a batch whose logits are kept."""
        is_few = self.reserves.logits == "slots" and not self.shape.keeps_logits
        return self.slots if is_few else self.batch

    def kv_cache(self, layer: Layer) -> int:
        """Return the bytes of one layer's cache."""
        value = layer.value
        if layer.has_cache and not self.settings.flash_attention:  # V is transposed, as wide as in the widest layer
            value = self.shape.widest_value
        of_key = KV_TYPES[self.settings.kv_type]
        stays = self.settings.is_quantised and not (self.settings.flash_attention or self.reserves.quantises_values)
        of_value = KV_TYPES["f16"] if stays else of_key
        cells = self.window_cells if layer.slides else self.cells
        bytes_of_32 = (layer.key + layer.indexer) * of_key + value * of_value
        if not self.shape.is_compressed:
            return cells * self.streams * bytes_of_32 // 32
        kept = padded(-(-self._own_cells // layer.compressed)) if layer.compressed else 0
        window = padded(min(self._own_cells, self.shape.window + self.batch))
        return self.slots * (window * layer.key + kept * (layer.key + layer.indexer)) * of_key // 32

    @property
    def _own_cells(self) -> int:
        """Return the tokens of a slot, where each has its own cache even if the others' is shared."""
        return padded(padded(self.settings.context) // self.streams)

    def state(self, layer: Layer) -> int:
        """Return the bytes of one layer's recurrent state, for all slots (llama-memory-recurrent.cpp)."""
        return layer.state * _F32 * self.slots

    @property
    def output(self) -> int:
        """Return the bytes of the buffer in RAM for results (output_reserve)."""
        return _F32 * self.shape.vocabulary * self.slots

    @property
    def mask(self) -> int:
        """Return the bytes of the attention masks (KQ_mask): a row per token of the batch, over every cell."""
        return self._masked * (2 if self.settings.flash_attention else _F32)

    @property
    def mask_in_ram(self) -> int:
        """Return the same for the masks in RAM, from where a GPU gets them."""
        return self._masked * (self.reserves.mask_bytes if self.settings.flash_attention else _F32)

    @property
    def _masked(self) -> int:
        attend = [layer for layer in self.shape.layers if layer.key or layer.shares_cache]
        cells = self.cells if any(not layer.slides for layer in attend) else 0
        cells += self.window_cells if any(layer.slides for layer in attend) else 0
        return self.batch * cells

    def mask_of(self, layer: Layer) -> int:
        """Return the bytes of the mask that a layer's flash attention reads."""
        return self.batch * (self.window_cells if layer.slides else self.cells) * 2

    def rows(self, values: int) -> int:
        """Return the bytes of an activation with this many values for each token of the batch."""
        return _F32 * self.batch * values
