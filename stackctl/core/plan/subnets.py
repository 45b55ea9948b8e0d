"""Chooses subnets that collide with no other network."""

import hashlib
from collections.abc import Iterable
from functools import partial
from ipaddress import IPv4Network
from typing import Final

from stackctl.contracts.service import Network
from stackctl.core.config.lock import Decisions, Lock
from stackctl.core.config.spec import Spec
from stackctl.core.observed import Observed
from stackctl.core.plan.engine_features import isolates
from stackctl.errors import EngineError

# all private space (RFC 1918), first what home routers, VPNs and Docker's pools (172.17-31, 192.168) seldom use
_POOLS: Final = tuple(map(IPv4Network, ("10.64.0.0/10", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_PREFIX: Final = 24
# A shorter route belongs to a VPN or a router and has no devices itself; the /24 of a bridge wins against it.
_WIDE: Final = 16
# A route shorter than this leads to all of the Internet, as a default route does, and stands for no network.
_DEFAULT_LIKE: Final = 8
_SEVERAL: Final = ".several"  # the end of the keys in stack.lock for networks that join several machines


def networks(name: str, spec: Spec, seen: Observed, decisions: Decisions, *, has_inner: bool) -> tuple[Network, ...]:
    """Return the networks inner (for a backend of the stack) and edge, with chosen or free subnets.

    An orchestrator with another gateway has its own subnets, since both kinds of network may stand at once
    while a stack moves. Raise EngineError if another network of the engine uses a chosen or recorded subnet. A
    route is no reason: Docker creates the network anyway, and notes() names what it hides.
    """
    subnets: dict[str, str] = {}
    wishes = {**({"inner": spec.network.inner} if has_inner else {}), "edge": spec.network.edge}
    chosen = [wanted for wanted in wishes.values() if wanted != "auto"]
    for purpose, wanted in wishes.items():
        taken = (*seen.taken_subnets, *(IPv4Network(other) for other in subnets.values()))
        subnet = wanted
        if wanted == "auto":
            away_from = (*taken, *map(IPv4Network, chosen))
            subnet = decisions.decide(
                _key(purpose, seen),
                {"name": name, "chosen": chosen},
                partial(free_subnet, name, purpose, away_from, seen.routes),
                known=_is_subnet,
                holds=partial(_stands, taken=taken, seen=seen),
            )
        if other := colliding_networks(subnet, taken):
            user = "network.inner" if str(other) in subnets.values() else "this machine"
            way = (
                "Run `stackctl deploy --replan`"
                if wanted == "auto"
                else f'Set `network.{purpose} = "auto"` in stack.toml'
            )
            raise EngineError(
                f"network.{purpose} {subnet} overlaps with {other}, which {user} already uses",
                hint=f"{way}, or choose a subnet yourself; `ip route` and `docker network ls` show those in use.",
                issue="subnet-overlaps-route",
            )
        subnets[purpose] = subnet
    return tuple(
        Network(
            name=purpose,
            subnet=subnet,
            gateway=(purpose == "edge" and seen.gateway) or gateway(subnet),
            internal=purpose == "inner",
            is_isolated=purpose == "inner" and isolates(seen.engine),
        )
        for purpose, subnet in subnets.items()
    )


def _key(purpose: str, seen: Observed) -> str:
    """Return the key in stack.lock of a network's subnet."""
    return f"network.{purpose}{_SEVERAL if seen.gateway else ''}"


def notes(networks: Iterable[Network], seen: Observed) -> tuple[str, ...]:
    """Return notes about networks that overlap with a route of this machine, and about what they hide."""
    meant = sorted((one for one in seen.routes if one.prefixlen >= _DEFAULT_LIKE), key=lambda one: -one.prefixlen)
    return tuple(
        f"network.{one.name} {one.subnet} overlaps with {route}, to which this machine has a route (perhaps a VPN's): "
        f"while the stack is there, this machine can't reach other machines in {one.subnet}"
        for one in networks
        if (route := colliding_networks(one.subnet, meant))
    )


def _stands(recorded: str, *, taken: Iterable[IPv4Network], seen: Observed) -> bool:
    """Return whether a recorded subnet is kept: one that is in use is given up if the stack has never run."""
    narrow = (route for route in seen.routes if route.prefixlen >= _WIDE)
    return seen.has_run or not colliding_networks(recorded, (*taken, *narrow))


def _is_subnet(recorded: object) -> bool:
    try:
        return isinstance(recorded, str) and bool(IPv4Network(recorded))
    except ValueError:
        return False


def own_subnets(spec: Spec, recorded: Lock) -> frozenset[IPv4Network]:
    """Return the chosen and recorded subnets of this stack: without an engine it is assumed to be their user."""
    chosen = (spec.network.inner, spec.network.edge)
    keys = (f"network.{purpose}{end}" for purpose in ("inner", "edge") for end in ("", _SEVERAL))
    recorded_ones = (recorded.decisions.get(key) for key in keys)
    decided = (str(one.value) for one in recorded_ones if one and _is_subnet(one.value))
    return frozenset(IPv4Network(subnet) for subnet in (*chosen, *decided) if subnet != "auto")


def network_name(recorded: Lock) -> str:
    """Return the name of the stack at the time when its networks were chosen; "" if not recorded."""
    found = recorded.decisions.get("network.edge") or recorded.decisions.get(f"network.edge{_SEVERAL}")
    return str(found.inputs.get("name", "")) if found else ""


def free_subnet(stack: str, purpose: str, taken: Iterable[IPv4Network], routes: Iterable[IPv4Network] = ()) -> str:
    """Return a private /24 that overlaps with no taken network; the search begins at a place that the name decides.

    It avoids all routes, too; if that is impossible, all but the shortest ones, and always those with a prefix of 16
    or longer. Raise EngineError if none is left.
    """
    busy, known = tuple(taken), tuple(routes)
    for bearable in sorted({0, *(route.prefixlen for route in known if route.prefixlen < _WIDE)}):
        avoided = (*busy, *(route for route in known if route.prefixlen > bearable))
        for pool in _POOLS:
            if subnet := _first_free(pool, f"{stack}/{purpose}", avoided):
                return subnet
    raise EngineError(
        f"no subnet of {', '.join(map(str, _POOLS[1:]))} is free: networks of the engine and routes of this machine "
        "cover all of them",
        hint="Set `network.inner` and `network.edge` in stack.toml yourself; `ip route` and `docker network ls` show "
        "those in use.",
        issue="subnets-used-up",
    )


def _first_free(pool: IPv4Network, seed: str, avoided: tuple[IPv4Network, ...]) -> str | None:
    around = tuple(other for other in avoided if other.overlaps(pool))
    if any(pool.subnet_of(other) for other in around):
        return None
    count = 1 << (_PREFIX - pool.prefixlen)
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big") % count
    first = int(pool.network_address) >> (32 - _PREFIX)
    taken = {
        number
        for other in around
        for number in range(
            (int(other.network_address) >> (32 - _PREFIX)) - first,
            (int(other.broadcast_address) >> (32 - _PREFIX)) - first + 1,
        )
    }
    for step in range(count):
        number = (start + step) % count
        if number not in taken:
            return str(IPv4Network(((first + number) << (32 - _PREFIX), _PREFIX)))
    return None


def gateway(subnet: str) -> str:
    """Return the first host address of a subnet."""
    return str(next(iter(IPv4Network(subnet).hosts())))


def colliding_networks(subnet: str, taken: Iterable[IPv4Network]) -> IPv4Network | None:
    """Return the taken network that a subnet overlaps with; None if there is none."""
    wanted = IPv4Network(subnet)
    return next((other for other in taken if wanted.overlaps(other)), None)
