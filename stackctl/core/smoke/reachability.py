"""Reachability of a stack: from where each service answers, and from where it should."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal

from stackctl.contracts.answer import Answer
from stackctl.contracts.service import Publish, Service
from stackctl.core.observed import ProbeResult
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.errors import Exposed

Expected = Literal["open", "closed", "either"]
REFUSED: Final = (401, 403)


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A container's place in one network. is_internal: without a route out; is_isolated: nor to its machine."""

    network: str
    address: str
    is_internal: bool
    is_isolated: bool = False


@dataclass(frozen=True, kw_only=True)
class ContainerNetworking:
    """The networks and published ports of a container. is_on_host: it uses the host's network and all its addresses."""

    networks: tuple[Attachment, ...] = ()
    published: tuple[Publish, ...] = ()
    is_on_host: bool = False

    def publishes(self, address: str, port: int) -> bool:
        """Return whether the engine forwards this address and port of the host to the container."""
        return any(one.port == port and _covers(one.address, address) for one in self.published)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A service that others may try to reach. port: the one inside its container."""

    name: str
    port: int
    attached: ContainerNetworking
    planned: tuple[Publish, ...]  # where it should be open

    @property
    def is_page(self) -> bool:
        return self.name == tavern.NAME

    @property
    def ports(self) -> tuple[int, ...]:
        """Return the ports of the host on which it may answer."""
        planned = [one.port for one in self.planned] or [self.port]
        return tuple(sorted({*planned, *(one.port for one in self.attached.published)}))

    def is_planned_at(self, address: str, port: int) -> bool:
        return any(one.port == port and _covers(one.address, address) for one in self.planned)

    def addresses(self, of_host: Sequence[str]) -> tuple[str, ...]:
        """Return the addresses of the host on which it may answer."""
        named = (one.address for one in self.planned if not ip_address(one.address).is_unspecified)
        return tuple(dict.fromkeys(("127.0.0.1", "::1", *named, *of_host)))

    def urls(self, host: str) -> tuple[str, ...]:
        """Return the URLs that a container outside of the stack may try: containers' addresses and ports of the host.

        Addresses in an isolated network are left out: the host has no route there, so another machine would answer.
        """
        published = (*self.attached.published, *self.planned)
        own = [join(one.address, self.port) for one in self.attached.networks if not one.is_isolated]
        ports = [join(host, port) for port in sorted({one.port for one in published})]
        lan = [one.place for one in published if one.address and _is_one_of_many(one.address)]
        return tuple(dict.fromkeys(f"http://{at}" for at in (*own, *ports, *lan)))


@dataclass(frozen=True, kw_only=True)
class Route:
    """The route from a source to a service: what should answer, and what did."""

    source: str
    target: str
    address: str
    expected: Expected
    is_open: bool
    seen: str  # the result as a text

    @property
    def is_right(self) -> bool:
        return self.expected == "either" or self.is_open == (self.expected == "open")


def wrong_routes(ways: Sequence[Route]) -> tuple[Route, ...]:
    return tuple(way for way in ways if not way.is_right)


def lets_in(answer: Answer) -> bool:
    """Return whether an answer means that the client was admitted."""
    return answer.status not in REFUSED


def all_open(source: str, target: Target, tried: Mapping[str, bool]) -> Route:
    """Return the planned routes as one: open if all are. tried: address and port -> whether it answers."""
    silent = [at for at, is_open in tried.items() if not is_open]
    return Route(
        source=source,
        target=target.name,
        address=", ".join(silent or [one.place for one in target.planned]),
        expected="open",
        is_open=not silent,
        seen="no answer" if silent else "answers",
    )


def all_shut(source: str, target: Target, tried: Mapping[str, bool], *, shut: str = "no answer") -> Route:
    """Return the unplanned routes as one: open if any is. shut: what is seen of them if none is."""
    opened = [at for at, is_open in tried.items() if is_open]
    return Route(
        source=source,
        target=target.name,
        address=", ".join(opened) or f"{len(tried)} others",
        expected="closed",
        is_open=bool(opened),
        seen="answers" if opened else shut,
    )


def combine(source: str, target: Target, tried: Sequence[ProbeResult], path: str) -> Route:
    """Return the routes from one source to a target as one, which should be closed: open if any is.

    A published port may answer if it refuses the client; an unpublished backend may not answer at all.
    """
    if not tried:
        return Route(
            source=source,
            target=target.name,
            address="-",
            expected="closed",
            is_open=False,
            seen="nothing leads into its network",
        )
    answers = {one.url: one.answers[path] for one in tried if path in one.answers}
    open_at = [url for url, answer in answers.items() if lets_in(answer) or not (target.is_page or target.planned)]
    refused = sorted({f"refused ({answer.status})" for answer in answers.values()})
    failures = sorted({f"no connection ({one.failure})" for one in tried if one.failure})
    return Route(
        source=source,
        target=target.name,
        address=", ".join(open_at or [one.url for one in tried]).replace("http://", ""),
        expected="closed",
        is_open=bool(open_at),
        seen=f"answers ({answers[open_at[0]].status})" if open_at else ", ".join((*refused, *failures)),
    )


def join(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def backend_exposure(found: ContainerNetworking, service: Service, plan: Plan) -> Exposed | None:
    """Return the error if a backend's container is open to more than planned; else None."""
    hint = f"Remove ports and networks of {service.name} from compose.override.yml, then run `stackctl deploy`."
    if found.is_on_host:
        return Exposed(
            f"{service.name} uses the host's network: it is open on all addresses of this machine", hint=hint
        )
    planned = {(one.address, one.port) for one in service.publish}
    if open_ports := [one for one in found.published if (one.address, one.port) not in planned]:
        where = ", ".join(f"{one.address}:{one.port}" for one in open_ports)
        return Exposed(f"{service.name} is published at {where}, which was not planned", hint=hint)
    planned_as = {network.name: network for network in plan.networks}
    expected = {f"{plan.name}_{name}": planned_as[name] for name in service.networks}
    for one in found.networks:
        if one.network not in expected:
            return Exposed(f"{service.name} is in the network {one.network}, too, which was not planned", hint=hint)
        if expected[one.network].internal and not one.is_internal:
            again = "Run `stackctl down`, then `stackctl deploy`, which creates it again."
            return Exposed(
                f"the network {one.network} is not internal: {service.name} can reach other networks", hint=again
            )
        if expected[one.network].is_isolated and not one.is_isolated:
            return Exposed(
                f"through the network {one.network} {service.name} can reach programs on this machine",
                hint="Remove that network's `driver_opts` from compose.override.yml and run `stackctl deploy`, which "
                "creates it again.",
            )
    return None


def _is_one_of_many(address: str) -> bool:
    found = ip_address(address)
    return not (found.is_loopback or found.is_unspecified)


def _covers(published: str, address: str) -> bool:
    everywhere = {"", "0.0.0.0", "::"}  # noqa: S104 - the engine's value for a port on all addresses
    return published == address or (published in everywhere and (published == "::") == (":" in address))
