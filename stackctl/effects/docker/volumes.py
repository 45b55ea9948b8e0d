"""What a container mounts, and where the engine keeps a volume's files."""

from pathlib import PurePosixPath
from typing import Any

from stackctl.core.adoption.mounted import Mount, Service
from stackctl.effects.docker.client import Client, translate_errors


def service(engine: Client, container: str) -> Service | None:
    """Return a container as a service, by its name or id; None where the engine has none."""
    import docker.errors

    with translate_errors("docker inspect failed"):
        try:
            found = engine.client.api.inspect_container(container)
        except docker.errors.NotFound:
            return None
    name = found["Name"].lstrip("/")
    ports = (found["HostConfig"].get("PortBindings") or {}).values()
    return Service(
        name="",
        container=name,
        image=found["Config"].get("Image", ""),
        mounts=tuple(
            Mount(target=one["Destination"], volume=one["Name"])
            if one["Type"] == "volume"
            else Mount(target=one["Destination"], source=one.get("Source", ""))
            for one in found["Mounts"]
            if one["Type"] in {"bind", "volume"}
        ),
        ports=tuple(bind["HostPort"] for binds in ports for bind in binds or () if bind.get("HostPort")),
        is_running=found["State"]["Running"],
    )


def volume_folder(engine: Client, volume: str) -> PurePosixPath | None:
    """Return the host's folder that has a volume's files; "." where they are in none; None: there is no such volume."""
    import docker.errors

    with translate_errors("docker volume inspect failed"):
        try:
            found: dict[str, Any] = engine.client.api.inspect_volume(volume)
        except docker.errors.NotFound:
            return None
    options = found.get("Options") or {}
    if found.get("Driver", "local") != "local" or options.get("type", "none") != "none":
        return PurePosixPath()  # a share: its mount point is empty while no container runs
    return PurePosixPath(options.get("device") or found["Mountpoint"])
