from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.network import colliding, free_subnet, gateway
from stackctl.errors import EngineError

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


def test_a_full_pool_is_an_engine_error() -> None:
    with pytest.raises(EngineError, match=r"10\.64\.0\.0/10"):
        free_subnet("chat", "inner", (IPv4Network("0.0.0.0/0"),))


@pytest.mark.parametrize(
    ("subnet", "address"), [("10.64.0.0/24", "10.64.0.1"), ("10.0.0.8/29", "10.0.0.9"), ("10.0.0.0/16", "10.0.0.1")]
)
def test_the_gateway_is_the_first_address(subnet: str, address: str) -> None:
    assert gateway(subnet) == address


def test_the_network_in_the_way_is_named() -> None:
    near, far = IPv4Network("10.64.0.128/25"), IPv4Network("192.168.0.0/16")
    assert colliding("10.64.0.0/24", (far, near)) == near
    assert colliding("10.64.1.0/24", (far, near)) is None
    assert colliding("10.64.1.0/24", ()) is None
