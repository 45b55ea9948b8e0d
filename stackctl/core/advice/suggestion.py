"""A quantisation of a model, and how it would run on a machine."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from stackctl.core.fit.choice import CONTEXT, Choice
from stackctl.core.fit.speed import tokens_per_s
from stackctl.core.hub.source import Source

Thinking = Literal["", "no", "optional", "yes"]  # "" if unknown
Purpose = Literal["roleplay", "general"]


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A quantisation of a model, and how it would run on this machine."""

    name: str
    source: Source
    label: str
    size: int  # bytes to download
    bits: float
    context: int
    choice: Choice
    licence: str = ""
    languages: tuple[str, ...] = ()
    template: str = ""
    billions: float = 0.0
    family: str = ""  # its base model; "" if unknown
    rank: float = 0.0  # 0..100 for the purpose and the language that were asked; 0 if unknown
    good: int = 0  # tokens up to which the model is good for chats; 0 if unknown
    thinking: Thinking = ""
    refuses: str = ""  # how much, as its sources say: "no", "little", "some", "yes", "a lot"; "" if unknown
    released: str = ""  # year and month: "2026-09"; "" if unknown

    @property
    def form(self) -> str:
        """Return the label, or the file in its repository where the label is missing or that of several models."""
        return self.source.file or self.label

    @cached_property
    def tokens_per_s(self) -> float:
        """Return the speed in a long chat, which is not that of the largest context that the memory allows."""
        choice = self.choice
        return tokens_per_s(choice.fit, choice.room.bandwidths, choice.room.sizes_mib, filled=CONTEXT)

    @property
    def lies(self) -> Literal["gpu", "experts", "split", "cpu"]:
        """Return where it lies: all on the GPUs; there but for some experts; partly in RAM; all in RAM."""
        found = self.choice.fit
        if not found.gpu_layers:
            return "cpu"
        if found.gpu_layers <= found.blocks:
            return "split"
        return "experts" if found.settings.cpu_experts else "gpu"

    @property
    def vram_mib(self) -> float:
        """Return the MiB that it takes of all GPUs together."""
        return round(sum(one.total_mib for one in self.choice.fit.devices), 2)

    @property
    def ram_mib(self) -> float:
        return self.choice.fit.host.total_mib
