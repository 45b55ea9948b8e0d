"""The files by which CDI devices are known to the engine, and to us where the engine does not list them."""

from collections.abc import Iterable
from pathlib import Path

from stackctl.gpus.cdi import cdi_names


def device_names(folders: Iterable[str]) -> tuple[str, ...]:
    """The devices that the files in these folders describe, by full name."""
    return tuple(name for folder in folders for file in sorted(Path(folder).glob("*")) for name in _names(file))


def _names(file: Path) -> tuple[str, ...]:
    from stackctl.core.formats import yaml_text

    try:
        return cdi_names(yaml_text.texts(file.read_text(encoding="utf-8")))  # JSON is YAML
    except (OSError, ValueError, yaml_text.Error):
        return ()  # the engine ignores it likewise
