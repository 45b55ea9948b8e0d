"""The context of a chat: as planned, as the backend reports it, and as SillyTavern fills it."""

from dataclasses import dataclass
from typing import Final

_PADDED: Final = 256  # tokens: llama.cpp rounds a context up to a multiple of this


@dataclass(frozen=True, kw_only=True)
class Contexts:
    """Three contexts, in tokens. told: by the backend, 0 if it reports none; planned: assumed for an external one."""

    planned: int
    told: int
    fills: int | None  # SillyTavern's largest; None if its settings have none
    is_own: bool  # the stack runs the backend, and started it with the planned context

    @property
    def known(self) -> int | None:
        """Return the backend's context: as reported, else as it was started; None if unknown."""
        return self.told or (self.planned if self.is_own else None)

    @property
    def difference(self) -> str:
        """Return a sentence if the reported context differs from the plan; else ""."""
        if not self.is_own or not self.told or self.planned <= self.told < self.planned + _PADDED:
            return ""
        return f"the backend has a context of {self.told} tokens, and not {self.planned} as planned"

    @property
    def overflow(self) -> str:
        """Return a sentence if SillyTavern fills more than the backend has; else ""."""
        if self.fills is None or self.fills <= self._most:
            return ""
        return f"SillyTavern fills {self.fills} tokens, and the backend has only {self._most}: long chats would fail"

    @property
    def mending(self) -> str:
        """Return the hint for a SillyTavern that fills too much."""
        fitting = min(self.planned, self._most) if self.is_own else self._most
        return f"Set the context to {fitting} under AI Response Configuration in SillyTavern."

    @property
    def _most(self) -> int:
        return self.told or self.planned


def contexts(planned: int, told: int, fills: object, *, is_own: bool) -> Contexts:
    """Return the contexts. fills: the value in SillyTavern's settings."""
    return Contexts(planned=planned, told=told, fills=fills if isinstance(fills, int) else None, is_own=is_own)
