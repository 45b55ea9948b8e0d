"""Subnets that collide with nothing."""

import hashlib
from collections.abc import Iterable
from functools import partial
from ipaddress import IPv4Network

from stackctl.contracts.service import Network
from stackctl.core.config.lock import Decisions, Lock
from stackctl.core.config.spec import Spec
from stackctl.core.observed import Observed
from stackctl.core.plan.engine_features import isolates
from stackctl.errors import EngineError

# private space that home routers, VPNs and Docker's own pools (172.17-31, 192.168) seldom use
_POOL = IPv4Network("10.64.0.0/10")
_PREFIX = 24


def networks(name: str, spec: Spec, seen: Observed, decisions: Decisions, *, has_inner: bool) -> tuple[Network, ...]:
    """inner, for a backend in the stack, and edge: as chosen, or free ones.

    Raises EngineError where a chosen or recorded one is in use.
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
                f"network.{purpose}",
                {"name": name, "chosen": chosen},
                partial(free_subnet, name, purpose, away_from),
                holds=partial(_stands, taken=taken, seen=seen),
            )
        if other := colliding_networks(subnet, taken):
            user = "network.inner" if str(other) in subnets.values() else "this machine"
            way = "stackctl deploy --replan chooses another" if wanted == "auto" else 'set it to "auto" in stack.toml'
            raise EngineError(
                f"network.{purpose} {subnet} overlaps with {other}, which {user} already uses",
                hint=f"{way}, or choose one yourself; `ip route` and `docker network ls` show what is in use",
            )
        subnets[purpose] = subnet
    return tuple(
        Network(
            name=purpose,
            subnet=subnet,
            gateway=gateway(subnet),
            internal=purpose == "inner",
            is_isolated=purpose == "inner" and isolates(seen.engine),
        )
        for purpose, subnet in subnets.items()
    )


def _stands(recorded: str, *, taken: Iterable[IPv4Network], seen: Observed) -> bool:
    """Whether a recorded subnet is kept: one that somebody else has is given up while the stack has never run."""
    return seen.has_run or not colliding_networks(recorded, taken)


def own_subnets(spec: Spec, recorded: Lock) -> frozenset[IPv4Network]:
    """The subnets that this stack has by choice or by record: without an engine, who uses them is taken to be it."""
    chosen = (spec.network.inner, spec.network.edge)
    decided = (str(one.value) for key, one in recorded.decisions.items() if key.startswith("network."))
    return frozenset(IPv4Network(subnet) for subnet in (*chosen, *decided) if subnet != "auto")


def network_name(recorded: Lock) -> str:
    """The name that the stack had when its networks were chosen; "" where that is not recorded."""
    found = recorded.decisions.get("network.edge")
    return str(found.inputs.get("name", "")) if found else ""


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


def colliding_networks(subnet: str, taken: Iterable[IPv4Network]) -> IPv4Network | None:
    """The taken network that a subnet overlaps with, if any."""
    wanted = IPv4Network(subnet)
    return next((other for other in taken if wanted.overlaps(other)), None)
