"""The settings of a run on which its memory depends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stackctl.contracts.memory import Device

ALL: Final = 9999  # all layers on the GPU, including the output layer

# type -> bytes of 32 values in the cache (ggml's blocks)
KV_TYPES: Final[Mapping[str, int]] = {
    "f32": 128, "f16": 64, "bf16": 64, "q8_0": 34, "q5_1": 24, "q5_0": 22, "q4_1": 20, "q4_0": 18, "iq4_nl": 18,
}  # fmt: skip
PLAIN: Final = frozenset({"f32", "f16", "bf16"})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One way to run a model."""

    context: int  # tokens
    kv_type: str = "f16"
    batch: int | None = None  # tokens of a prompt at a time; None for the backend's default
    slots: int | None = None  # sequences at once, each with its cache; None for the backend's default
    flash_attention: bool = True
    gpu_layers: int = ALL  # as llama.cpp counts them: the output layer is the first, then from the last block on
    cpu_experts: int = 0  # blocks, from the first on, whose experts stay in the machine's memory
    device: Device = "cuda"
    split: tuple[float, ...] = (1.0,)  # each GPU's share of the layers; () without a GPU
    context_mib: float = 0.0  # VRAM that the driver takes per GPU and program

    @property
    def is_quantised(self) -> bool:
        return self.kv_type not in PLAIN
