"""Ports, subnets and the engine's pools of addresses."""

from ipaddress import IPv4Network

import pytest

from stackctl.contracts.engine import AddressPool
from stackctl.contracts.service import Network, Publish
from stackctl.core.doctor.addresses import Route, judge_pools, judge_ports, judge_subnets

EDGE = Network(name="edge", subnet="10.64.3.0/24", gateway="10.64.3.1", internal=False)
BRIDGE = {"br-0123456789ab": ("10.64.3.1/24",), "eth0": ("192.168.1.5/24",)}


def route(interface: str, network: str) -> Route:
    return Route(interface=interface, network=IPv4Network(network))


def test_a_port_that_another_program_has_is_named_with_it() -> None:
    wanted = [Publish(address="127.0.0.1", port=8000, target=8000)]
    assert judge_ports(wanted, {("0.0.0.1", 8000): "x"}, is_deployed=True) == ()
    (found,) = judge_ports(wanted, {("127.0.0.1", 8000): "python3 (process 7)"}, is_deployed=True)
    assert (found.issue, found.severity, found.context) == ("port-taken", "failure", "127.0.0.1:8000")
    assert found.says.startswith("127.0.0.1:8000 is taken by python3 (process 7)")
    assert "`port = 8001`" in found.hint
    assert "`ss -ltnp 'sport = :8000'`" in found.hint


@pytest.mark.parametrize(
    ("routes", "severity"),
    [
        ([], ""),
        ([route("br-0123456789ab", "10.64.3.0/24"), route("eth0", "192.168.1.0/24")], ""),  # its own bridge
        ([route("tun0", "10.0.0.0/8")], "warning"),
        ([route("tun0", "10.64.3.0/24"), route("br-0123456789ab", "10.64.3.0/24")], "failure"),
        ([route("wg0", "10.64.3.128/25")], "failure"),
        ([route("tun0", "0.0.0.0/1"), route("tun0", "128.0.0.0/1")], ""),  # all of the Internet, by a VPN
        ([route("tun0", "10.64.4.0/24")], ""),
        ([route("br-ffffffffffff", "10.64.3.0/24")], ""),  # the bridge of a network without an address here
    ],
)
def test_a_route_that_leads_elsewhere(routes: list[Route], severity: str) -> None:
    found = judge_subnets([EDGE], routes, BRIDGE)
    assert [one.severity for one in found] == ([severity] if severity else [])


def test_the_routes_interface_is_named() -> None:
    (found,) = judge_subnets([EDGE], [route("tun0", "10.0.0.0/8"), route("wg0", "10.64.0.0/16")], BRIDGE)
    assert found.issue == "subnet-overlaps-route"
    assert "overlaps with 10.64.0.0/16, to which wg0 leads" in found.says


TINY = (AddressPool(base=IPv4Network("10.99.0.0/29"), size=30),)


@pytest.mark.parametrize(
    ("pools", "taken", "is_used_up"),
    [
        (TINY, [], False),
        (TINY, ["10.99.0.0/30"], False),
        (TINY, ["10.99.0.0/30", "10.99.0.4/30"], True),
        (TINY, ["10.99.0.0/16"], True),
        (TINY, ["10.99.0.1/32", "10.99.0.5/32"], True),  # a piece of each
        (TINY, ["10.99.0.1/32", "10.99.0.2/32"], False),
        ((), ["172.17.0.0/16", "192.168.0.0/20"], False),
        ((), [f"172.{n}.0.0/16" for n in range(17, 32)], False),
        ((), [*(f"172.{n}.0.0/16" for n in range(17, 32)), "192.168.0.0/16"], True),
    ],
)
def test_the_engines_subnets_are_used_up(pools: tuple[AddressPool, ...], taken: list[str], is_used_up: bool) -> None:
    found = judge_pools(pools, {IPv4Network(one) for one in taken})
    assert [(one.issue, one.severity) for one in found] == ([("subnets-used-up", "warning")] if is_used_up else [])


def test_the_number_of_subnets_is_told() -> None:
    (found,) = judge_pools((), {IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16")})
    assert found.says.startswith("all 31 subnets that the engine may give to networks are taken")
