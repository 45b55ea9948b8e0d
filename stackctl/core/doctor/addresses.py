"""Ports and subnets: whether those of the stack are free, and some are left."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from stackctl.contracts.engine import AddressPool
from stackctl.contracts.finding import Finding
from stackctl.contracts.service import Network, Publish
from stackctl.terminal import command_line

_DEFAULT_LIKE: Final = 8  # a shorter route leads to all of the Internet, as a default route does
# the engine's own: https://github.com/moby/moby/blob/master/daemon/libnetwork/ipamutils/utils.go
_BUILT_IN: Final = (
    AddressPool(base=IPv4Network("172.17.0.0/16"), size=16),
    AddressPool(base=IPv4Network("172.18.0.0/16"), size=16),
    AddressPool(base=IPv4Network("172.19.0.0/16"), size=16),
    AddressPool(base=IPv4Network("172.20.0.0/14"), size=16),
    AddressPool(base=IPv4Network("172.24.0.0/14"), size=16),
    AddressPool(base=IPv4Network("172.28.0.0/14"), size=16),
    AddressPool(base=IPv4Network("192.168.0.0/16"), size=20),
)


@dataclass(frozen=True, kw_only=True)
class Route:
    """A route of this machine."""

    interface: str
    network: IPv4Network


def judge_ports(
    wanted: Iterable[Publish], holders: Mapping[tuple[str, int], str], *, is_deployed: bool
) -> tuple[Finding, ...]:
    """Return the ports of the stack that others have. holders: address and port -> who listens there, ours left out."""
    return tuple(
        Finding(
            issue="port-taken",
            context=one.place,
            says=f"{one.place} is taken by {holder}"
            + (", so the stack of this folder can't open it" if is_deployed else ""),
            hint=f"End that program, or choose another port: `port = {_another(one.port)}` in stack.toml. "
            f"`{command_line('ss', '-ltnp', f'sport = :{one.port}')}` shows who listens.",
            evidence=(f"listens at {one.place}: {holder}",),
        )
        for one in wanted
        if (holder := holders.get((one.address, one.port)))
    )


def _another(port: int) -> int:
    return port + 1 if port < 65535 else port - 1


def judge_subnets(
    networks: Iterable[Network], routes: Collection[Route], interfaces: Mapping[str, Collection[str]]
) -> tuple[Finding, ...]:
    """Return the stack's networks that overlap with a route of this machine that leads elsewhere, as a VPN's does.

    interfaces: name -> its addresses, as "10.64.3.1/24". The route to a network's own bridge is no fault.
    """
    found = []
    for one in networks:
        subnet = IPv4Network(one.subnet)
        own = {name for name, addresses in interfaces.items() if f"{one.gateway}/{subnet.prefixlen}" in addresses}
        others = [
            route
            for route in routes
            if route.network.overlaps(subnet)
            and route.interface not in own
            and not (route.network == subnet and route.interface.startswith(("br-", "docker")))
            and route.network.prefixlen >= _DEFAULT_LIKE
        ]
        if not others:
            continue
        worst = max(others, key=lambda route: route.network.prefixlen)
        wins = worst.network.prefixlen >= subnet.prefixlen
        effect = (
            "what this machine sends to the containers goes there"
            if wins
            else f"while the stack is there, this machine can't reach other machines in {subnet}"
        )
        found.append(
            Finding(
                issue="subnet-overlaps-route",
                severity="failure" if wins else "warning",
                context=one.name,
                says=f"the stack's network {one.name} {subnet} overlaps with {worst.network}, to which "
                f"{worst.interface} leads: {effect}",
                hint=f'Set `network.{one.name} = "auto"` in stack.toml, then run `stackctl deploy --replan`; or '
                "choose a subnet yourself.",
                evidence=(f"route: {worst.network} dev {worst.interface}", f"network {one.name}: {subnet}"),
            )
        )
    return tuple(found)


def judge_pools(pools: Collection[AddressPool], taken: Collection[IPv4Network]) -> tuple[Finding, ...]:
    """Return whether the engine has no subnet left for networks that name none. The stack's networks name theirs."""
    mine = tuple(pools) or _BUILT_IN
    count = sum(_count(pool) for pool in mine)
    if any(_has_free(pool, taken) for pool in mine):
        return ()
    ranges = ", ".join(f"{pool.base} in /{pool.size}" for pool in mine[:4]) + (", ..." if len(mine) > 4 else "")
    return (
        Finding(
            issue="subnets-used-up",
            severity="warning",
            says=f"all {count} subnets that the engine may give to networks are taken: no other network can be made",
            hint="Run `docker network ls`, and remove networks that no stack needs with `docker network rm`; or give "
            "the engine more by `default-address-pools` in /etc/docker/daemon.json.",
            evidence=(f"docker info: address pools {ranges}", f"{len(taken)} subnets are taken"),
        ),
    )


def _count(pool: AddressPool) -> int:
    return 1 << max(0, pool.size - pool.base.prefixlen)


def _has_free(pool: AddressPool, taken: Collection[IPv4Network]) -> bool:
    step = 1 << (32 - pool.size)
    start = int(pool.base.network_address)
    around = [one for one in taken if one.overlaps(pool.base)]
    if _count(pool) > len(around) and all(one.prefixlen >= pool.size for one in around):
        return True
    return any(
        not any(one.overlaps(IPv4Network((IPv4Address(start + at * step), pool.size))) for one in around)
        for at in range(_count(pool))
    )
