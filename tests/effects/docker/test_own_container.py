"""Which container stackctl runs in, as an engine knows it."""

from pathlib import Path, PurePosixPath
from typing import Any

import docker.errors
import pytest

from stackctl.core.container_paths import Bind
from stackctl.effects.docker import own_container

ID = "cd" * 32


class FakeEngine:
    """An engine that knows the containers it is told of."""

    def __init__(self, **known: dict[str, Any]) -> None:
        self.known = known
        self.client = self
        self.api = self

    def containers(self) -> list[dict[str, Any]]:
        return [{"Id": name, "Names": [f"/{name[:4]}"], **known} for name, known in self.known.items()]

    def inspect_container(self, name: str) -> dict[str, Any]:
        if name not in self.known:
            raise docker.errors.NotFound(name)
        return self.known[name]


@pytest.fixture
def inside(tmp_path: Path) -> dict[str, Any]:
    """What binds() looks at, as it is in a container."""
    (tmp_path / "sign").touch()
    (tmp_path / "mountinfo").write_text(f"6 5 0:1 /docker/containers/{ID}/hosts /etc/hosts rw - ext4 /dev/sda rw\n")
    return {"signs": (tmp_path / "sign",), "mountinfo": tmp_path / "mountinfo"}


def mount(kind: str, source: str, destination: str) -> dict[str, str]:
    return {"Type": kind, "Source": source, "Destination": destination}


def test_the_mounts_of_the_own_container(inside: dict[str, Any]) -> None:
    mounts = [mount("bind", "/home/me", "/x"), mount("volume", "/v/_data", "/v"), mount("tmpfs", "", "/t")]
    engine = FakeEngine(**{ID: {"Mounts": mounts}})
    expected = tuple(Bind(PurePosixPath(a), PurePosixPath(b)) for a, b in (("/home/me", "/x"), ("/v/_data", "/v")))
    assert own_container.own_binds(engine, **inside) == expected


def test_none_where_the_engine_does_not_know_the_container(inside: dict[str, Any]) -> None:
    assert own_container.own_binds(FakeEngine(), **inside) is None


def test_none_outside_of_containers_and_no_engine_is_asked(inside: dict[str, Any]) -> None:
    inside["signs"] = (Path("/nowhere"),)
    assert own_container.own_binds(FakeEngine(**{ID: {}}), **inside) is None


@pytest.mark.parametrize(
    ("info", "is_local", "is_its", "is_inside", "view"),
    [
        ({"DockerRootDir": "/var/lib/docker"}, True, False, False, ""),
        ({"OperatingSystem": "Docker Desktop", "DockerRootDir": "/var/lib/docker"}, False, False, False, "desktop"),
        ({"DockerRootDir": "/var/snap/docker/common/var-lib-docker"}, True, False, False, "snap"),
        ({"DockerRootDir": "/var/lib/docker"}, False, False, True, "container"),
        ({"DockerRootDir": "/var/lib/docker"}, True, True, True, "container"),
        ({"DockerRootDir": "/var/lib/docker"}, True, False, True, ""),
        ({}, False, False, False, "remote"),
    ],
)
def test_why_the_engine_may_see_another_disk(
    inside: dict[str, Any], info: dict[str, str], is_local: bool, is_its: bool, is_inside: bool, view: str
) -> None:
    signs = inside["signs"] if is_inside else (Path("/nowhere"),)
    assert own_container.view(info, is_local=is_local, is_its_container=is_its, signs=signs) == view


def test_the_own_container_mounts_a_folder_and_counts_not_whatever_the_host_is_called(inside: dict[str, Any]) -> None:
    mounts = [mount("bind", "/home/me/st", "/home/me/st")]
    engine = FakeEngine(**{ID: {"Mounts": mounts}, "ef" * 32: {"Mounts": mounts}})
    found = own_container.mounting_containers(engine, Path("/home/me"), mountinfo=inside["mountinfo"])
    assert found == ("efef",)
