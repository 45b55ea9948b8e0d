"""How much of a chat there is room for: as it was planned, as the backend tells, and as SillyTavern fills it."""

from dataclasses import dataclass
from typing import Final

_PADDED: Final = 256  # tokens: llama.cpp rounds a context up to a multiple of this


@dataclass(frozen=True, kw_only=True)
class Contexts:
    """Tokens. `told` by the backend, 0: it does not tell; `planned` of one elsewhere is what is assumed of it."""

    planned: int
    told: int
    fills: int | None  # by SillyTavern at most; None: its settings do not say
    is_own: bool  # the backend is the stack's own, which was started with what was planned

    @property
    def known(self) -> int | None:
        """What the backend has: as it tells, else as it was started; None where nobody knows."""
        return self.told or (self.planned if self.is_own else None)

    @property
    def difference(self) -> str:
        """What the backend tells against the plan, in words; "" where both are the same."""
        if not self.is_own or not self.told or self.planned <= self.told < self.planned + _PADDED:
            return ""
        return f"the backend has a context of {self.told} tokens, and not {self.planned} as planned"

    @property
    def overflow(self) -> str:
        """That SillyTavern fills more than there is, in words; "" where it does not."""
        if self.fills is None or self.fills <= self._most:
            return ""
        return f"SillyTavern fills {self.fills} tokens, and the backend has only {self._most}: long chats would fail"

    @property
    def mending(self) -> str:
        """What to do where SillyTavern fills too much."""
        fitting = min(self.planned, self._most) if self.is_own else self._most
        return f"Set the context to {fitting} under AI Response Configuration in SillyTavern."

    @property
    def _most(self) -> int:
        return self.told or self.planned


def contexts(planned: int, told: int, fills: object, *, is_own: bool) -> Contexts:
    """The contexts, where `fills` is what stands in SillyTavern's settings."""
    return Contexts(planned=planned, told=told, fills=fills if isinstance(fills, int) else None, is_own=is_own)
