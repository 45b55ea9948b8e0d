"""What the container engine says of itself and of the machine that it runs on, as plain values (`docker info`)."""

from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import PurePosixPath


@dataclass(frozen=True, kw_only=True)
class AddressPool:
    """A range of addresses of which the engine gives subnets of one size to networks that name none."""

    base: IPv4Network
    size: int  # the prefix length of those subnets


@dataclass(frozen=True, kw_only=True)
class EngineDetails:
    """The engine's own settings, and what it finds on its machine.

    image_folder: where its images lie, on its machine; security: apparmor, selinux, seccomp, rootless, userns, ...
    """

    root: PurePosixPath
    image_folder: PurePosixPath
    architecture: str = ""  # of its machine, as the kernel names it; "" if it does not tell
    pid: int = 0  # its process; 0 if that is not visible from here
    cgroup_version: int = 0  # 0 if it does not tell
    limits_memory: bool = True
    limits_cpus: bool = True
    forwards: bool = True  # the kernel forwards IPv4 packets between the networks of the engine's machine
    security: frozenset[str] = frozenset()
    pools: tuple[AddressPool, ...] = ()  # () for the engine's built-in ones
    firewall: str = "iptables"  # or nftables, iptables+firewalld, ...
    storage_driver: str = ""  # overlay2, overlayfs, btrfs, ...
    has_containerd_store: bool = False
    proxies: tuple[str, ...] = ()  # host:port of those that it reaches registries by
    mirrors: tuple[str, ...] = ()  # of Docker Hub
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Leftovers:
    """Images without a name or digest, which no container uses and which only take room. ids: in full."""

    ids: tuple[str, ...] = ()
    mib: int = 0  # at most: layers that images share count more than once
