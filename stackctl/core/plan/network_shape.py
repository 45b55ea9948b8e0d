"""What a network of the engine is like, as far as it decides who reaches whom."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

_MODE = "com.docker.network.bridge.gateway_mode_ipv"  # and 4 or 6


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a network is like, as far as it decides who reaches whom. `subnets`: of IPv4; none: any."""

    subnets: frozenset[str]
    is_internal: bool
    is_isolated: bool

    def is_met_by(self, other: "Shape") -> bool:
        """Whether a network that is like the other one need not be made anew."""
        return other == replace(self, subnets=self.subnets or other.subnets)


@dataclass(frozen=True, kw_only=True)
class Existing:
    """A network that the engine has. `members`: id -> name of the containers that run in it."""

    shape: Shape
    members: Mapping[str, str]


def is_isolated(options: Mapping[str, str] | None, *, has_v6: bool) -> bool:
    """Whether a bridge network with these options has no address of its machine in it."""
    return all((options or {}).get(f"{_MODE}{family}") == "isolated" for family in ((4, 6) if has_v6 else (4,)))
