"""The repositories that a GGUF names as its origin: gguf-py/gguf/constants.py of llama.cpp, Keys.General."""

from collections.abc import Callable
from typing import Final

from stackctl.core.hub.pages import repo_of

_OWN: Final = ("general.repo_url", "general.source.repo_url", "general.source.url", "general.url")
_BASE_MODELS: Final = 4  # so many are looked at


def repos(text: Callable[[str], str]) -> tuple[str, ...]:
    """Return OWNER/NAME of each at Hugging Face: its own first, then its base models. text: a value by its key."""
    keys = [*_OWN, *(f"general.base_model.{number}.repo_url" for number in range(_BASE_MODELS))]
    return tuple(dict.fromkeys(repo for key in keys if (repo := repo_of(text(key)))))
