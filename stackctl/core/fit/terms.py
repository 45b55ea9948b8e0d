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
        return padded(padded(self.settings.context) // self.streams)

    @cached_property
    def window_cells(self) -> int:
        """Return the tokens of one stream's cache in a layer with sliding attention (llama-kv-cache-iswa.cpp)."""
        seen = self.shape.window * (self.slots if self.is_shared else 1) + self.batch
        return padded(min(self.cells, seen))

    @property
    def outputs(self) -> int:
        """Return the tokens of a batch whose logits are kept."""
        return self.slots if self.reserves.logits == "slots" else self.batch

    def kv_cache(self, layer: Layer) -> int:
        """Return the bytes of one layer's cache."""
        value = layer.value
        if layer.has_cache and not self.settings.flash_attention:  # V is transposed, as wide as in the widest layer
            value = self.shape.widest_value
        cells = self.window_cells if layer.slides else self.cells
        values = cells * (layer.key + value + layer.indexer) * self.streams
        if self.shape.is_compressed:  # each slot has its own
            values = self.own_window_cells * layer.key * self.slots
        if layer.compressed:
            kept = padded(-(-padded(self.settings.context // self.streams) // layer.compressed))
            values += kept * (layer.key + layer.indexer) * self.slots
        return values * KV_TYPES[self.settings.kv_type] // 32

    @property
    def own_window_cells(self) -> int:
        """Return the tokens of one slot's window."""
        return padded(min(padded(padded(self.settings.context) // self.streams), self.shape.window + self.batch))

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
        caches = [layer for layer in self.shape.layers if layer.key]
        cells = self.cells if any(not layer.slides for layer in caches) else 0
        cells += self.window_cells if any(layer.slides for layer in caches) else 0
        return self.batch * cells * (2 if self.settings.flash_attention else _F32)

    def mask_of(self, layer: Layer) -> int:
        """Return the bytes of the attention mask that a layer reads."""
        cells = self.window_cells if layer.slides else self.cells
        return self.batch * cells * (2 if self.settings.flash_attention else _F32)

    def rows(self, values: int) -> int:
        """Return the bytes of an activation with this many values for each token of the batch."""
        return _F32 * self.batch * values
