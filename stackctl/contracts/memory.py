"""What a program sets aside whatever it loads."""

from dataclasses import dataclass
from typing import Literal

Device = Literal["cuda", "vulkan", "cpu"]  # what computes, as far as it takes memory of its own


@dataclass(frozen=True, kw_only=True)
class Reserves:
    """What a backend sets aside by habit, whatever the model: its own part of the sum."""

    slots: int = 1  # sequences at once, if nobody says otherwise
    shares_one_cache: bool = True  # those slots share one cache; False: each has its own part of the context
    logits: Literal["slots", "batch"] = "slots"  # for how many tokens a batch's results are kept
    batch: int = 512  # tokens of a prompt at a time (micro-batch)
    base_mib: int = 85  # RAM of the program itself, without a model
    cpu_experts: Literal["any", "all", "none"] = "any"  # of how many blocks it can keep the experts in RAM
    folder_mib: int = 0  # VRAM per GPU that its loaders of safetensors take beyond weights and cache
    gpu_alone: frozenset[str] = frozenset()  # packings of safetensors that it loads on a GPU only
    prompt_cache_mib: int = 0  # RAM that it fills with earlier prompts as time goes by
