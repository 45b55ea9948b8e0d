"""The CDI devices that an engine knows: those that it reports, or those in the files that it reads."""

from pathlib import Path
from typing import Any

from stackctl.gpus.cdi import cdi_names


def devices(info: dict[str, Any], *, is_local: bool) -> tuple[str, ...]:
    """Return the devices' full names. `info`: the output of `docker info`."""
    discovered = info.get("DiscoveredDevices")
    if discovered is not None:  # Docker 28.2 and newer
        return tuple(one["ID"] for one in discovered if one.get("Source") == "cdi")
    folders = info.get("CDISpecDirs") or () if is_local else ()
    return tuple(name for folder in folders for file in sorted(Path(folder).glob("*")) for name in _cdi_names(file))


def _cdi_names(file: Path) -> tuple[str, ...]:
    from stackctl.core.formats import yaml_text

    try:
        return cdi_names(yaml_text.texts(file.read_text(encoding="utf-8")))  # JSON is YAML
    except (OSError, ValueError, yaml_text.Error):
        return ()  # the engine ignores such a file, too
