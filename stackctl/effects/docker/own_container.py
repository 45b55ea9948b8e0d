"""Folders of the host in containers: those mounted in our own container, and the containers that mount a folder."""

import socket
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from stackctl.core.container_paths import Bind, own_ids
from stackctl.core.observed import EngineView
from stackctl.effects.docker.client import Client, translate_errors

_SIGNS = (Path("/.dockerenv"), Path("/run/.containerenv"))
_MOUNTS = Path("/proc/self/mountinfo")


def view(
    info: Mapping[str, Any], *, is_local: bool, is_its_container: bool, signs: tuple[Path, ...] = _SIGNS
) -> EngineView:
    """Return why an engine may see another disk than we do, from the output of `docker info`; "" if it does not.

    `is_its_container`: whether we run in a container of this engine.
    """
    if info.get("OperatingSystem") == "Docker Desktop":
        return "desktop"
    if str(info.get("DockerRootDir", "")).startswith("/var/snap/"):
        return "snap"
    if is_its_container or (not is_local and any(sign.exists() for sign in signs)):
        return "container"
    return "" if is_local else "remote"


def own_binds(
    engine: Client, *, signs: tuple[Path, ...] = _SIGNS, mountinfo: Path = _MOUNTS
) -> tuple[Bind, ...] | None:
    """Return the mounts of the container that we run in; None if we run in no container of this engine."""
    import docker.errors

    if not any(sign.exists() for sign in signs):
        return None
    for name in own_ids(mountinfo.read_text(), socket.gethostname()):
        with translate_errors("docker inspect failed"):
            try:
                found = engine.client.api.inspect_container(name)
            except docker.errors.NotFound:
                continue
        return tuple(
            Bind(host=PurePosixPath(mount["Source"]), here=PurePosixPath(mount["Destination"]))
            for mount in found["Mounts"]
            if mount["Type"] in {"bind", "volume"}
        )
    return None


def mounting_containers(engine: Client, folder: Path, *, mountinfo: Path = _MOUNTS) -> tuple[str, ...]:
    """Return the names of running containers, except our own, that mount a folder or something in it."""
    ours = own_ids(mountinfo.read_text(), socket.gethostname())  # with the host's network the host name is the host's
    with translate_errors("docker ps failed"):
        listed = engine.client.api.containers()
    found = []
    for one in listed:
        sources = [Path(mount["Source"]) for mount in one.get("Mounts", ()) if mount.get("Source")]
        is_ours = one["Id"].startswith(ours)
        if not is_ours and any(source.is_relative_to(folder) for source in sources):
            found.append(one["Names"][0].lstrip("/"))
    return tuple(sorted(found))
