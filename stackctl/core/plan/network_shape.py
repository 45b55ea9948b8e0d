"""The properties of a network that decide which containers can reach each other."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

_MODE = "com.docker.network.bridge.gateway_mode_ipv"  # and 4 or 6


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The properties of a network that decide reachability. subnets: of IPv4; () for any."""

    subnets: frozenset[str]
    is_internal: bool
    is_isolated: bool

    def is_met_by(self, other: "Shape") -> bool:
        """Return whether a network with the other shape can stay and need not be created again."""
        return other == replace(self, subnets=self.subnets or other.subnets)


@dataclass(frozen=True, kw_only=True)
class Existing:
    """An existing network of the engine. members: id -> name of the containers that run in it."""

    shape: Shape
    members: Mapping[str, str]


def is_isolated(options: Mapping[str, str] | None, *, has_v6: bool) -> bool:
    """Return whether a bridge network with these options has no address of its machine."""
    return all((options or {}).get(f"{_MODE}{family}") == "isolated" for family in ((4, 6) if has_v6 else (4,)))
