"""The CDI devices that an engine knows: those that it reports, or those in the files that it reads."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from stackctl.contracts.service import GpuRequest
from stackctl.gpus.cdi import cdi_names, cdi_nodes


def devices(info: dict[str, Any], *, is_local: bool) -> tuple[str, ...]:
    """Return the devices' full names. `info`: the output of `docker info`."""
    discovered = info.get("DiscoveredDevices")
    if discovered is not None:  # Docker 28.2 and newer
        return tuple(one["ID"] for one in discovered if one.get("Source") == "cdi")
    return tuple(name for spec in _specs(info, is_local=is_local) for name in cdi_names(spec))


def promised_nodes(info: dict[str, Any], request: GpuRequest, *, is_local: bool) -> tuple[str, ...]:
    """Return the device files that a container must have by the CDI files, for CDI devices that are requested by name.

    () if no file of this machine describes one. Of several folders that describe a device, the last counts.
    """
    names = request.devices if request.driver == "cdi" else request.files
    found: dict[str, tuple[str, ...]] = {}
    for spec in _specs(info, is_local=is_local):
        found |= {name: cdi_nodes(spec, (name,)) for name in names if name in cdi_names(spec)}
    return tuple(dict.fromkeys(node for nodes in found.values() for node in nodes))


def _specs(info: dict[str, Any], *, is_local: bool) -> Iterator[object]:
    from stackctl.core.formats import yaml_text

    for folder in info.get("CDISpecDirs") or () if is_local else ():
        for file in sorted(Path(folder).glob("*")):
            with suppress(OSError, ValueError, yaml_text.Error):  # the engine ignores such a file, too
                yield yaml_text.texts(file.read_text(encoding="utf-8"))  # JSON is YAML
