"""The backends, one module each. To add one: write the module and its template, and list it here."""

from types import MappingProxyType
from typing import Final

from stackctl.backends import koboldcpp, llamacpp, textgen
from stackctl.backends.contract import Backend

BACKENDS: Final[MappingProxyType[str, Backend]] = MappingProxyType(
    {
        llamacpp.NAME: llamacpp,
        koboldcpp.NAME: koboldcpp,
        textgen.NAME: textgen,
    }
)


def find_backend(kind: str) -> Backend:
    """The backend of that name or alias (stack.toml admits no other)."""
    return next(b for b in BACKENDS.values() if kind in {b.NAME, *b.ALIASES})
