"""Ollama's models on this machine."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from stackctl.core.hub import ollama

# of the user, of the service that its installer sets up, and of the packages of Arch and NixOS
# https://docs.ollama.com/faq#where-are-models-stored
_OF_SERVICES: Final = ("/usr/share/ollama/.ollama/models", "/var/lib/ollama/models", "/var/lib/ollama")


def folders() -> Iterable[Path]:
    """Return where Ollama keeps models, by its settings and by default."""
    own = os.environ.get("OLLAMA_MODELS", "")
    return [_path(one) for one in (own, "~/.ollama/models", *_OF_SERVICES) if one]


def find_copy(name: str, places: Iterable[Path] | None = None) -> Path | None:
    """Return the manifest of a model by its full name (`HOST/OWNER/MODEL:TAG`); None if Ollama does not have it here.

    `places`: where Ollama stores models; None: where it does so by its settings and by default.
    """
    found = [folder / ollama.manifest_place(name) for folder in (folders() if places is None else places)]
    return next((place for place in found if _is_file(place)), None)


def _path(text: str) -> Path:
    with suppress(RuntimeError):  # a user without a home
        return Path(text).expanduser()
    return Path(text)


def _is_file(path: Path) -> bool:
    with suppress(OSError):  # Ollama's service may keep its folder to itself
        return path.is_file()
    return False
