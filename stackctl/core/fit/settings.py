"""How a model is run, as far as memory depends on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stackctl.contracts.memory import Device

ALL: Final = 9999  # layers on the GPU: every one, output layer included

# bytes of 32 values in a cache of that type: ggml's blocks
KV_TYPES: Final[Mapping[str, int]] = {
    "f32": 128, "f16": 64, "bf16": 64, "q8_0": 34, "q5_1": 24, "q5_0": 22, "q4_1": 20, "q4_0": 18, "iq4_nl": 18,
}  # fmt: skip
_PLAIN: Final = frozenset({"f32", "f16", "bf16"})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One way to run a model."""

    context: int  # tokens
    kv_type: str = "f16"
    batch: int | None = None  # tokens of a prompt at a time; None: as the backend does
    slots: int | None = None  # sequences at once, each with its own cache; None: as the backend does
    flash_attention: bool = True
    gpu_layers: int = ALL  # as llama.cpp counts them: the output layer is the first, then from the last block on
    cpu_experts: int = 0  # blocks, from the first on, whose experts stay in the machine's memory
    device: Device = "cuda"
    split: tuple[float, ...] = (1.0,)  # what share of the layers each GPU takes; () without any
    context_mib: float = 0.0  # of VRAM that the driver takes per GPU and program, whatever runs

    @property
    def is_quantised(self) -> bool:
        return self.kv_type not in _PLAIN
