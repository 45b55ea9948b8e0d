"""The engine's settings, from the answer to `docker info`."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from stackctl.contracts.engine import AddressPool, EngineDetails, Leftovers
from stackctl.effects.docker.client import Client, translate_errors

_SNAPSHOTTER: Final = "io.containerd.snapshotter.v1"
_OWN_CONTAINERD: Final = "/docker/containerd/"  # in the path of the socket of the one that the engine itself starts
_CONTAINERD: Final = PurePosixPath("/var/lib/containerd")
_MOST: Final = 100  # images that one command removes


def details(info: Mapping[str, Any], pid: int) -> EngineDetails:
    """Return the engine's settings. info: the answer to `docker info`; pid: the engine's process, 0 if unknown."""
    root = PurePosixPath(str(info.get("DockerRootDir") or "/var/lib/docker"))
    has_containerd_store = any(one == ["driver-type", _SNAPSHOTTER] for one in info.get("DriverStatus") or ())
    version = str(info.get("CgroupVersion") or "")
    return EngineDetails(
        root=root,
        image_folder=_containerd_folder(info, root) if has_containerd_store else root,
        architecture=str(info.get("Architecture") or ""),
        pid=pid,
        cgroup_version=int(version) if version.isdecimal() else 0,
        limits_memory=bool(info.get("MemoryLimit", True)),
        limits_cpus=bool(info.get("CpuCfsQuota", True)),
        forwards=bool(info.get("IPv4Forwarding", True)),
        security=frozenset(_security(info)),
        pools=tuple(_pools(info)),
        firewall=str((info.get("FirewallBackend") or {}).get("Driver") or "iptables"),
        storage_driver=str(info.get("Driver") or ""),
        has_containerd_store=has_containerd_store,
        proxies=tuple(
            dict.fromkeys(place for one in ("HttpsProxy", "HttpProxy") if (place := _place(str(info.get(one) or ""))))
        ),
        mirrors=tuple(map(str, (info.get("RegistryConfig") or {}).get("Mirrors") or ())),
        warnings=tuple(map(str, info.get("Warnings") or ())),
    )


def leftovers(engine: Client) -> Leftovers:
    """Return the images without a name or digest that no container uses."""
    with translate_errors("docker images failed"):
        api = engine.client.api
        used = {str(one.get("ImageID", "")) for one in api.containers(all=True)}
        found = [
            one
            for one in api.images(filters={"dangling": True})
            if not _names(one, "RepoTags") and not _names(one, "RepoDigests") and one["Id"] not in used
        ][:_MOST]
    return Leftovers(ids=tuple(one["Id"] for one in found), mib=sum(int(one.get("Size", 0)) for one in found) >> 20)


def _names(image: Mapping[str, Any], kind: str) -> list[str]:
    """Return an image's names; older engines write `<none>` where there are none."""
    return [one for one in image.get(kind) or () if not one.startswith("<none>") and not one.endswith("@<none>")]


def _containerd_folder(info: Mapping[str, Any], root: PurePosixPath) -> PurePosixPath:
    """Return where images lie with containerd's store: below the engine's folder, or in that of the system's one."""
    socket = str((info.get("Containerd") or {}).get("Address") or "")
    return root / "containerd" if _OWN_CONTAINERD in socket else _CONTAINERD


def _security(info: Mapping[str, Any]) -> Iterator[str]:
    for one in info.get("SecurityOptions") or ():
        for part in str(one).split(","):
            name, _, value = part.partition("=")
            if name == "name":
                yield value


def _pools(info: Mapping[str, Any]) -> Iterator[AddressPool]:
    for one in info.get("DefaultAddressPools") or ():
        with suppress(ValueError, TypeError):
            yield AddressPool(base=IPv4Network(str(one.get("Base"))), size=int(one.get("Size")))


def _place(proxy: str) -> str:
    """Return host:port of a proxy's address, without a password; "" for none."""
    with suppress(ValueError):
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""
    return ""
