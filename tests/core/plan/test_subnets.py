from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.plan.engine_features import isolates
from stackctl.core.plan.network_shape import Shape, is_isolated
from stackctl.core.plan.subnets import colliding_networks, free_subnet, gateway
from stackctl.errors import EngineError
from stackctl.orchestrators.compose.networks import shapes
from stackctl.orchestrators.compose.render import parse
from tests.core.samples import engine, rendered, seen, wanted

POOL = IPv4Network("10.64.0.0/10")


@given(st.text(max_size=20), st.sampled_from(["inner", "edge"]))
def test_a_name_always_gets_the_same_private_subnet(stack: str, purpose: str) -> None:
    subnet = IPv4Network(free_subnet(stack, purpose, ()))
    assert free_subnet(stack, purpose, ()) == str(subnet)
    assert subnet.subnet_of(POOL)
    assert subnet.prefixlen == 24


@pytest.mark.parametrize("prefix", [24, 20, 16, 12, 30])
def test_a_taken_place_is_passed_over(prefix: int) -> None:
    first = IPv4Network(free_subnet("chat", "inner", ()))
    taken = first.supernet(new_prefix=prefix) if prefix < 24 else next(first.subnets(new_prefix=prefix))
    assert not IPv4Network(free_subnet("chat", "inner", (taken,))).overlaps(taken)


def test_the_last_free_place_is_found() -> None:
    last = IPv4Network("10.64.7.0/24")
    assert free_subnet("chat", "inner", POOL.address_exclude(last)) == str(last)


def test_where_all_private_space_is_taken_the_error_names_it() -> None:
    with pytest.raises(EngineError, match=r"no subnet of 10\.0\.0\.0/8, 172\.16\.0\.0/12, 192\.168\.0\.0/16 is free"):
        free_subnet("chat", "inner", (IPv4Network("0.0.0.0/0"),))


PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
FULL_TUNNEL = ("0.0.0.0/1", "128.0.0.0/1")  # OpenVPN's redirect-gateway def1
ALL_BUT_PRIVATE = ("0.0.0.0/5", "8.0.0.0/7", "11.0.0.0/8", "12.0.0.0/6", "172.0.0.0/12", "172.32.0.0/11")


@pytest.mark.parametrize(
    ("routes", "lies_in"),
    [
        ((), "10.64.0.0/10"),
        (("10.8.0.0/24",), "10.64.0.0/10"),
        (ALL_BUT_PRIVATE, "10.64.0.0/10"),
        (("100.64.0.0/10",), "10.64.0.0/10"),
        (("10.64.0.0/10",), "10.0.0.0/8"),
        (("10.0.0.0/8",), "172.16.0.0/12"),
        (("10.0.0.0/8", "172.16.0.0/12"), "192.168.0.0/16"),
        (PRIVATE, "10.64.0.0/10"),  # the widest of them loses
        (FULL_TUNNEL, "10.64.0.0/10"),
        ((*FULL_TUNNEL, "10.0.0.0/8"), "172.16.0.0/12"),
        ((*FULL_TUNNEL, *PRIVATE, "10.64.0.0/10"), "10.0.0.0/8"),
        (("10.0.0.0/8", "172.16.0.0/12", *(f"192.168.{n}.0/24" for n in range(256))), "10.64.0.0/10"),
    ],
)
def test_a_subnet_keeps_away_from_routes_as_far_as_there_is_room_and_lies_in_the_widest_where_not(
    routes: tuple[str, ...], lies_in: str
) -> None:
    subnet = IPv4Network(free_subnet("chat", "inner", (), map(IPv4Network, routes)))
    assert subnet.subnet_of(IPv4Network(lies_in))


@given(
    st.lists(st.integers(0, 255).map(lambda n: IPv4Network(f"10.{n}.0.0/16")), max_size=20),
    st.lists(st.integers(1, 15), max_size=6),
)
def test_no_route_of_a_prefix_of_16_or_longer_is_ever_covered(near: list[IPv4Network], wide: list[int]) -> None:
    routes = (*near, *(IPv4Network("10.0.0.0/32").supernet(new_prefix=prefix) for prefix in wide))
    subnet = IPv4Network(free_subnet("chat", "inner", (), routes))
    assert not any(subnet.overlaps(one) for one in near)


def test_where_only_networks_that_somebody_is_in_are_left_the_user_has_to_choose() -> None:
    routes = [IPv4Network(f"10.{n}.0.0/16") for n in range(256)]
    routes += [IPv4Network(f"172.{n}.0.0/16") for n in range(16, 32)]
    with pytest.raises(EngineError) as caught:
        free_subnet("chat", "inner", (), (*routes, IPv4Network("192.168.0.0/16")))
    assert "network.inner" in caught.value.hint


@pytest.mark.parametrize(
    ("subnet", "address"), [("10.64.0.0/24", "10.64.0.1"), ("10.0.0.8/29", "10.0.0.9"), ("10.0.0.0/16", "10.0.0.1")]
)
def test_the_gateway_is_the_first_address(subnet: str, address: str) -> None:
    assert gateway(subnet) == address


def test_the_network_in_the_way_is_named() -> None:
    near, far = IPv4Network("10.64.0.128/25"), IPv4Network("192.168.0.0/16")
    assert colliding_networks("10.64.0.0/24", (far, near)) == near
    assert colliding_networks("10.64.1.0/24", (far, near)) is None
    assert colliding_networks("10.64.1.0/24", ()) is None


V4, V6 = (f"com.docker.network.bridge.gateway_mode_ipv{family}" for family in (4, 6))


@pytest.mark.parametrize(
    ("options", "has_v6", "expected"),
    [
        (None, False, False),
        ({}, False, False),
        ({V4: "nat"}, False, False),
        ({V4: "isolated"}, False, True),
        ({V4: "isolated"}, True, False),  # by its IPv6 address the machine is still there
        ({V4: "isolated", V6: "isolated"}, True, True),
        ({V6: "isolated"}, True, False),
    ],
)
def test_a_network_is_isolated_if_its_machine_has_no_address_in_it(
    options: dict[str, str] | None, has_v6: bool, expected: bool
) -> None:
    assert is_isolated(options, has_v6=has_v6) == expected


@pytest.mark.parametrize(
    ("version", "can"), [((20, 10, 26), False), ((27, 5, 1), False), ((28,), True), ((29, 1), True)]
)
def test_only_engines_from_28_on_isolate_a_network(version: tuple[int, ...], can: bool) -> None:
    assert isolates(engine(version)) == can
    assert not isolates(None)


def test_a_compose_file_tells_what_its_own_networks_are_to_be_like() -> None:
    spec = wanted(network={"inner": "10.88.1.0/24", "edge": "10.88.2.0/24"})
    inner = Shape(subnets=frozenset({"10.88.1.0/24"}), is_internal=True, is_isolated=True)
    edge = Shape(subnets=frozenset({"10.88.2.0/24"}), is_internal=False, is_isolated=False)
    text = rendered(spec, seen(on=engine()))
    assert shapes(parse(text), "chat") == {"chat_inner": inner, "chat_edge": edge}
    older = parse(rendered(spec, seen(on=engine((27, 5, 1)))))
    assert shapes(older, "chat")["chat_inner"] == replace(inner, is_isolated=False)


def test_an_external_network_is_none_of_its_own_and_a_name_that_was_given_counts() -> None:
    either = {"proxy": {"external": True, "name": "caddy"}, "inner": {"name": "mine", "ipam": {}}}
    assert list(shapes({"networks": either}, "chat")) == ["mine"]
    assert shapes({}, "chat") == {}


def test_a_network_that_a_person_spoiled_counts_as_one_of_any_subnet() -> None:
    for spoiled in ({"ipam": "x"}, {"ipam": {"config": ["x"]}}, {"driver_opts": "x", "internal": "false"}):
        any_one = Shape(subnets=frozenset(), is_internal=False, is_isolated=False)
        assert shapes({"networks": {"edge": spoiled}}, "chat") == {"chat_edge": any_one}


@pytest.mark.parametrize("networks", [None, [], "x", {"a": None}, {"a": "x"}])
def test_a_compose_file_that_a_person_spoiled_tells_of_no_network(networks: object) -> None:
    assert shapes({"networks": networks}, "chat") == {}


@pytest.mark.parametrize(
    "other", [{"subnets": frozenset({"10.9.9.0/24"})}, {"is_internal": False}, {"is_isolated": False}]
)
def test_a_network_that_differs_has_to_be_made_anew(other: dict[str, Any]) -> None:
    wanted = Shape(subnets=frozenset({"10.88.1.0/24"}), is_internal=True, is_isolated=True)
    assert wanted.is_met_by(wanted)
    assert not wanted.is_met_by(replace(wanted, **other))
    assert replace(wanted, subnets=frozenset()).is_met_by(wanted)  # a user's file may leave them to the engine
