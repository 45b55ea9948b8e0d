"""The engine's settings, from `docker info`; images that no name leads to."""

from ipaddress import IPv4Network
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest

from stackctl.contracts.engine import AddressPool, EngineDetails, Leftovers
from stackctl.effects.docker.details import details, leftovers

DOCKER = PurePosixPath("/var/lib/docker")

# parts of `docker info` of Engine 28.5 on Debian 12, with other values where the usual ones tell little
INFO: dict[str, Any] = {
    "Driver": "overlay2",
    "DriverStatus": [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]],
    "MemoryLimit": False,
    "CpuCfsQuota": False,
    "IPv4Forwarding": False,
    "CgroupVersion": "1",
    "RegistryConfig": {"Mirrors": ["https://mirror.lan/"]},
    "DockerRootDir": "/srv/docker",
    "HttpProxy": "http://ann:secret@proxy.lan:3128",
    "HttpsProxy": "http://ann:secret@proxy.lan:3128",
    "LiveRestoreEnabled": True,
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=rootless"],
    "DefaultAddressPools": [{"Base": "10.136.128.0/17", "Size": 24}, {"Base": "nonsense", "Size": 1}, {}],
    "FirewallBackend": {"Driver": "nftables"},
    "Warnings": ["WARNING: No swap limit support"],
}


def test_what_docker_info_says_is_read() -> None:
    assert details(INFO, 7) == EngineDetails(
        root=PurePosixPath("/srv/docker"),
        image_folder=PurePosixPath("/srv/docker"),
        pid=7,
        cgroup_version=1,
        limits_memory=False,
        limits_cpus=False,
        forwards=False,
        security=frozenset({"apparmor", "seccomp", "rootless"}),
        pools=(AddressPool(base=IPv4Network("10.136.128.0/17"), size=24),),
        firewall="nftables",
        storage_driver="overlay2",
        proxies=("proxy.lan:3128",),
        mirrors=("https://mirror.lan/",),
        warnings=("WARNING: No swap limit support",),
    )


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"Warnings": None, "SecurityOptions": None, "DriverStatus": None, "RegistryConfig": None, "CgroupVersion": ""},
    ],
)
def test_an_engine_that_says_little_is_taken_to_be_well(info: dict[str, Any]) -> None:
    assert details(info, 0) == EngineDetails(root=DOCKER, image_folder=DOCKER)


@pytest.mark.parametrize(
    ("socket", "folder"),
    [
        ("/run/containerd/containerd.sock", "/var/lib/containerd"),
        ("/var/run/docker/containerd/containerd.sock", "/srv/docker/containerd"),
        ("", "/var/lib/containerd"),
    ],
)
def test_containerds_store_has_another_folder(socket: str, folder: str) -> None:
    status = [["driver-type", "io.containerd.snapshotter.v1"]]
    found = details({**INFO, "DriverStatus": status, "Containerd": {"Address": socket}}, 0)
    assert found.has_containerd_store
    assert found.image_folder == PurePosixPath(folder)


def test_only_images_that_neither_a_name_a_digest_nor_a_container_has_are_left_over() -> None:
    images: list[dict[str, Any]] = [
        {"Id": "sha256:a", "RepoTags": [], "RepoDigests": [], "Size": 300 << 20},
        {"Id": "sha256:b", "RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"], "Size": 400 << 20},
        {"Id": "sha256:c", "RepoTags": None, "RepoDigests": ["ghcr.io/a/b@sha256:00"], "Size": 1 << 30},
        {"Id": "sha256:d", "RepoTags": ["a:1"], "RepoDigests": [], "Size": 1 << 30},
        {"Id": "sha256:e", "RepoTags": [], "RepoDigests": None, "Size": 1 << 30},
    ]
    asked: list[dict[str, Any]] = []

    def list_images(**words: Any) -> list[dict[str, Any]]:
        asked.append(words)
        return images

    api = SimpleNamespace(containers=lambda **_: [{"ImageID": "sha256:e"}], images=list_images)
    engine = SimpleNamespace(client=SimpleNamespace(api=api))
    assert leftovers(engine) == Leftovers(ids=("sha256:a", "sha256:b"), mib=700)
    assert asked == [{"filters": {"dangling": True}}]
