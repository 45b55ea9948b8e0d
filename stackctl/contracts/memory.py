"""The memory that a backend reserves with every model."""

from dataclasses import dataclass
from typing import Final, Literal

# what computes; each kind takes another amount of memory for itself
Device = Literal["cuda", "rocm", "vulkan", "cpu"]
BY_CUDA: Final[frozenset[Device]] = frozenset({"cuda", "rocm"})  # ROCm compiles the same program (ggml-cuda) for AMD


@dataclass(frozen=True, kw_only=True)
class Reserves:
    """What a backend reserves with every model: its part of the memory estimate."""

    slots: int = 1  # sequences at once, by default
    shares_one_cache: bool = True  # the slots share one cache; False if each has its part of the context
    logits: Literal["slots", "batch"] = "slots"  # the tokens whose results are kept: one a slot, or the whole batch
    mask_bytes: int = 2  # of a value of the attention masks in RAM, with flash attention
    batch: int = 512  # tokens of a prompt that are processed at a time (micro-batch)
    more_context: int = 0  # tokens of the cache beyond the context
    more_window: int = 0  # tokens of the cache beyond the window, where attention slides
    quantises_values: bool = True  # a cache without flash attention; else its V stays f16 there
    copies: int = 4  # of masks and inputs, while several GPUs work on a prompt at once (GGML_SCHED_MAX_COPIES)
    # what the copies of inputs take, in embeddings of a batch: on the first GPU, on a further one, on the last, in RAM
    copied: tuple[int, int, int, int] = (11, 6, 5, 10)
    reuses_masks: bool = False  # on a CPU the logits take the masks' place
    base_mib: int = 85  # RAM of the program itself, without a model
    unpacked_mib: int = 0  # RAM that the program's own files take, where it unpacks itself at each start
    unpacked_gpu_mib: int = 0  # the same of its program for a GPU
    folder_mib: int = 0  # VRAM per GPU that its loaders of safetensors take beyond weights and cache
    gpu_alone: frozenset[str] = frozenset()  # packings of safetensors that it loads on a GPU only
    prompt_cache_mib: int = 0  # RAM that it gradually fills with earlier prompts
