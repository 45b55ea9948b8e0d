"""What a container mounts, and where the engine keeps a volume's files."""

from pathlib import PurePosixPath
from typing import Any

import docker.errors
import pytest

from stackctl.core.adoption.mounted import Mount, Service
from stackctl.effects.docker import volumes

CONTAINER: dict[str, Any] = {
    "Name": "/tavern",
    "Config": {"Image": "ghcr.io/sillytavern/sillytavern:1.19.0"},
    "State": {"Running": True},
    "HostConfig": {"PortBindings": {"8000/tcp": [{"HostIp": "", "HostPort": "9000"}], "1/tcp": None}},
    "Mounts": [
        {"Type": "volume", "Name": "st", "Source": "/v/st/_data", "Destination": "/home/node/app/data"},
        {"Type": "bind", "Source": "/srv/config", "Destination": "/home/node/app/config"},
        {"Type": "tmpfs", "Destination": "/tmp"},
    ],
}
VOLUMES: dict[str, dict[str, Any]] = {
    "st": {"Driver": "local", "Mountpoint": "/v/st/_data", "Options": None},
    "bound": {"Driver": "local", "Mountpoint": "/v/b/_data", "Options": {"type": "none", "o": "bind", "device": "/d"}},
    "share": {"Driver": "local", "Mountpoint": "/v/s/_data", "Options": {"type": "nfs", "device": ":/d"}},
    "other": {"Driver": "rclone", "Mountpoint": "/v/o/_data"},
}


class FakeEngine:
    """An engine with one container and some volumes."""

    def __init__(self) -> None:
        self.client = self
        self.api = self

    def inspect_container(self, name: str) -> dict[str, Any]:
        if name != "tavern":
            raise docker.errors.NotFound(name)
        return CONTAINER

    def inspect_volume(self, name: str) -> dict[str, Any]:
        if name not in VOLUMES:
            raise docker.errors.NotFound(name)
        return VOLUMES[name]


def test_a_container_is_read_as_a_service_with_its_volumes_by_name() -> None:
    assert volumes.service(FakeEngine(), "tavern") == Service(
        name="",
        container="tavern",
        image="ghcr.io/sillytavern/sillytavern:1.19.0",
        mounts=(
            Mount(target="/home/node/app/data", volume="st"),
            Mount(target="/home/node/app/config", source="/srv/config"),
        ),
        ports=("9000",),
        is_running=True,
    )
    assert volumes.service(FakeEngine(), "gone") is None


@pytest.mark.parametrize(
    ("volume", "folder"),
    [("st", "/v/st/_data"), ("bound", "/d"), ("share", "."), ("other", "."), ("gone", None)],
)
def test_a_volume_lies_at_its_mount_point_or_at_its_device_and_a_share_in_no_folder(
    volume: str, folder: str | None
) -> None:
    assert volumes.volume_folder(FakeEngine(), volume) == (PurePosixPath(folder) if folder else None)
