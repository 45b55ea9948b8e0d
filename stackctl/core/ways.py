"""Ways into a stack: who gets an answer from where, and who should."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stackctl.core.stack import Plan, Publish, Service
from stackctl.errors import Exposed

Expected = Literal["open", "shut", "either"]


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A container's place in one network. `is_internal`: that network has no way out."""

    network: str
    address: str
    is_internal: bool


@dataclass(frozen=True, kw_only=True)
class Attached:
    """How a container hangs in the world. `is_on_host`: it has the host's own network, and so all its addresses."""

    networks: tuple[Attachment, ...] = ()
    published: tuple[Publish, ...] = ()
    is_on_host: bool = False


@dataclass(frozen=True, kw_only=True)
class Way:
    """From somewhere to a service: what should answer, and what did."""

    source: str
    target: str
    address: str
    expected: Expected
    is_open: bool
    seen: str  # in words

    @property
    def is_right(self) -> bool:
        return self.expected == "either" or self.is_open == (self.expected == "open")


def wrong(ways: Sequence[Way]) -> tuple[Way, ...]:
    return tuple(way for way in ways if not way.is_right)


def backend_exposure(found: Attached, service: Service, plan: Plan) -> Exposed | None:
    """The error, if a backend's container is open to more than was planned."""
    hint = f"does compose.override.yml change ports or networks of {service.name}? take that out, then: stackctl deploy"
    if found.is_on_host:
        return Exposed(f"{service.name} uses this machine's own network: it is open on all its addresses", hint=hint)
    planned = {(service.publish.address, service.publish.port)} if service.publish else set()
    if open_ports := [one for one in found.published if (one.address, one.port) not in planned]:
        where = ", ".join(f"{one.address}:{one.port}" for one in open_ports)
        return Exposed(f"{service.name} is published at {where}, which was not planned", hint=hint)
    internal = {network.name: network.internal for network in plan.networks}
    expected = {f"{plan.name}_{name}": internal[name] for name in service.networks}
    for one in found.networks:
        if one.network not in expected:
            return Exposed(f"{service.name} is in the network {one.network}, too, which was not planned", hint=hint)
        if expected[one.network] and not one.is_internal:
            again = "stackctl down, then stackctl deploy, makes it anew"
            return Exposed(f"the network {one.network} is not internal: {service.name} has a way out", hint=again)
    return None
