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
    """Return the backend of that name or alias; stack.toml admits no other names."""
    return next(b for b in BACKENDS.values() if kind in {b.NAME, *b.ALIASES})


def aliases() -> tuple[str, ...]:
    return tuple(alias for backend in BACKENDS.values() for alias in backend.ALIASES)


def names() -> tuple[str, ...]:
    """Return every name and alias of the backends, the aliases last."""
    return (*BACKENDS, *aliases())


def kv_types() -> tuple[str, ...]:
    """Return every type of KV cache that at least one backend supports."""
    return tuple(dict.fromkeys(kind for backend in BACKENDS.values() for kind in backend.KV_TYPES))


def own_images() -> tuple[str, ...]:
    """Return every image that stackctl can build for a backend."""
    return tuple(dict.fromkeys(image for backend in BACKENDS.values() for image in backend.OWN_IMAGES.values()))


def with_programs() -> tuple[str, ...]:
    """Return the backends whose official image does not contain their program."""
    return tuple(name for name, backend in BACKENDS.items() if backend.PROGRAMS)
