"""The backends, one module each. To add one: write the module, and list it here.

Names, choices, help, KV types and own images flow from here.
"""

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
DEFAULT: Final = llamacpp.NAME


def find_backend(kind: str) -> Backend:
    """The backend of that name or alias (stack.toml admits no other)."""
    return next(b for b in BACKENDS.values() if kind in {b.NAME, *b.ALIASES})


def aliases() -> tuple[str, ...]:
    return tuple(alias for backend in BACKENDS.values() for alias in backend.ALIASES)


def names() -> tuple[str, ...]:
    """Every name under which a backend is known, the aliases last."""
    return (*BACKENDS, *aliases())


def kv_types() -> tuple[str, ...]:
    """Every type of KV cache that some backend has."""
    return tuple(dict.fromkeys(kind for backend in BACKENDS.values() for kind in backend.KV_TYPES))


def own_images() -> tuple[str, ...]:
    """Every image that we can build for some backend."""
    return tuple(dict.fromkeys(image for backend in BACKENDS.values() for image in backend.OWN_IMAGES.values()))


def with_programs() -> tuple[str, ...]:
    """The backends whose image lacks their program."""
    return tuple(name for name, backend in BACKENDS.items() if backend.PROGRAMS)
