"""Subnets that collide with nothing."""

import hashlib
from collections.abc import Iterable
from ipaddress import IPv4Network

from stackctl.errors import EngineError

# private space that home routers, VPNs and Docker's own pools (172.17-31, 192.168) seldom use
_POOL = IPv4Network("10.64.0.0/10")
_PREFIX = 24


def free_subnet(stack: str, purpose: str, taken: Iterable[IPv4Network]) -> str:
    """The first free /24 from a place in 10.64.0.0/10 that the stack's name decides."""
    busy = tuple(taken)
    count = 1 << (_PREFIX - _POOL.prefixlen)
    start = int.from_bytes(hashlib.sha256(f"{stack}/{purpose}".encode()).digest()[:4], "big") % count
    for step in range(count):
        number = (start + step) % count
        subnet = IPv4Network((int(_POOL.network_address) + (number << (32 - _PREFIX)), _PREFIX))
        if not any(subnet.overlaps(other) for other in busy):
            return str(subnet)
    raise EngineError(f"no free subnet in {_POOL}", hint="choose network.inner and network.edge in stack.toml yourself")


def gateway(subnet: str) -> str:
    """The first host address of a subnet."""
    return str(next(iter(IPv4Network(subnet).hosts())))


def colliding(subnet: str, taken: Iterable[IPv4Network]) -> IPv4Network | None:
    """The taken network that a subnet overlaps with, if any."""
    wanted = IPv4Network(subnet)
    return next((other for other in taken if wanted.overlaps(other)), None)
