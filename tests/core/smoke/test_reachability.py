"""Ways into a stack: which are wrong, and when a backend is open to more than was planned."""

from dataclasses import replace

import pytest

from stackctl.contracts.answer import Answer
from stackctl.contracts.service import Publish
from stackctl.core.observed import ProbeResult
from stackctl.core.smoke.reachability import (
    Attachment,
    ContainerNetworking,
    Expected,
    Route,
    Target,
    all_open,
    all_shut,
    backend_exposure,
    combine,
    wrong_routes,
)
from tests.core import samples

PLAN = samples.a_plan(samples.wanted(name="chat"))
BACKEND = samples.backend_of(PLAN)
INNER = Attachment(network="chat_inner", address="10.64.0.2", is_internal=True)
EDGE = Attachment(network="chat_edge", address="10.64.1.2", is_internal=False)
OPEN = Publish(address="0.0.0.0", port=8080, target=8080)  # noqa: S104 - what must be found


@pytest.mark.parametrize(
    ("expected", "is_open", "is_right"),
    [
        ("open", True, True),
        ("open", False, False),
        ("closed", True, False),
        ("closed", False, True),
        ("either", True, True),
        ("either", False, True),
    ],
)
def test_a_way_is_right_if_it_is_as_planned(expected: Expected, is_open: bool, is_right: bool) -> None:
    way = Route(source="here", target="llamacpp", address="h:1", expected=expected, is_open=is_open, seen="")
    assert way.is_right == is_right
    assert wrong_routes([way]) == (() if is_right else (way,))


def test_a_backend_in_its_inner_network_alone_is_open_to_nobody_else() -> None:
    assert backend_exposure(ContainerNetworking(networks=(INNER,)), BACKEND, PLAN) is None


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (ContainerNetworking(networks=(INNER,), published=(OPEN,)), "llamacpp is published at 0.0.0.0:8080"),
        (ContainerNetworking(networks=(INNER, EDGE)), "llamacpp is in the network chat_edge, too"),
        (ContainerNetworking(networks=(replace(INNER, is_internal=False),)), "the network chat_inner is not internal"),
        (ContainerNetworking(is_on_host=True), "llamacpp uses the host's network"),
    ],
)
def test_every_other_attachment_is_told(found: ContainerNetworking, says: str) -> None:
    error = backend_exposure(found, BACKEND, PLAN)
    assert error is not None
    assert error.message.startswith(says)
    assert "compose.override.yml" in error.hint or "stackctl down" in error.hint


def test_a_network_that_is_less_isolated_than_planned_is_told() -> None:
    plan = samples.a_plan(samples.wanted(name="chat"), samples.seen(on=samples.engine()))
    error = backend_exposure(ContainerNetworking(networks=(INNER,)), BACKEND, plan)
    assert error is not None
    assert "chat_inner llamacpp can reach programs on this machine" in error.message
    assert backend_exposure(ContainerNetworking(networks=(replace(INNER, is_isolated=True),)), BACKEND, plan) is None


def test_a_published_port_that_was_planned_is_none_of_it() -> None:
    planned = replace(BACKEND, publish=(OPEN,))
    assert backend_exposure(ContainerNetworking(networks=(INNER,), published=(OPEN,)), planned, PLAN) is None


# -- who may get an answer


def target(name: str = "llamacpp", *, planned: tuple[Publish, ...] = (), published: tuple[Publish, ...] = ()) -> Target:
    return Target(
        name=name, port=8080, attached=ContainerNetworking(networks=(INNER,), published=published), planned=planned
    )


def publish(address: str, port: int = 8000) -> Publish:
    return Publish(address=address, port=port, target=8000)


@pytest.mark.parametrize(
    ("published", "address", "is_open"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "192.0.2.1", False),
        ("0.0.0.0", "192.0.2.1", True),  # noqa: S104
        ("0.0.0.0", "2001:db8::1", False),  # noqa: S104
        ("::", "2001:db8::1", True),
        ("::", "192.0.2.1", False),
    ],
)
def test_a_port_on_all_addresses_covers_those_of_its_family(published: str, address: str, is_open: bool) -> None:
    attached = ContainerNetworking(published=(publish(published),))
    assert attached.publishes(address, 8000) == is_open
    assert not attached.publishes(address, 8001)
    assert target(planned=(publish(published),)).is_planned_at(address, 8000) == is_open


def test_a_backend_is_sought_at_its_own_port_and_at_those_that_it_publishes() -> None:
    assert target().ports == (8080,)
    assert target(published=(OPEN, publish("127.0.0.1", 18099))).ports == (8080, 18099)
    assert target("sillytavern", planned=(publish("127.0.0.1"),)).ports == (8000,)


def test_from_another_container_it_is_sought_at_its_address_and_at_the_hosts_ports() -> None:
    assert target().urls("host") == ("http://10.64.0.2:8080",)
    assert target(planned=(publish("127.0.0.1"),)).urls("host") == ("http://10.64.0.2:8080", "http://host:8000")
    lan = target(planned=(publish("192.0.2.1"),), published=(publish("192.0.2.1"), publish("0.0.0.0")))  # noqa: S104
    assert lan.urls("host") == ("http://10.64.0.2:8080", "http://host:8000", "http://192.0.2.1:8000")


def test_in_an_isolated_network_it_is_not_sought_for_nothing_leads_there() -> None:
    isolated = Target(
        name="llamacpp",
        port=8080,
        attached=ContainerNetworking(networks=(replace(INNER, is_isolated=True), EDGE)),
        planned=(),
    )
    assert isolated.urls("host") == ("http://10.64.1.2:8080",)
    way = combine("elsewhere", target(), [], "/")
    assert (way.is_open, way.is_right, way.seen) == (False, True, "nothing leads into its network")


def tried(status: int = 0, failure: str = "") -> ProbeResult:
    return ProbeResult(
        url="http://a:1", failure=failure, answers={"/": Answer(status=status, body="")} if status else {}
    )


@pytest.mark.parametrize(
    ("name", "one", "is_open", "seen"),
    [
        ("sillytavern", tried(failure="timeout"), False, "no connection (timeout)"),
        ("sillytavern", tried(403), False, "refused (403)"),
        ("sillytavern", tried(401), False, "refused (401)"),
        ("sillytavern", tried(200), True, "answers (200)"),
        ("sillytavern", tried(302), True, "answers (302)"),
        ("llamacpp", tried(failure="refused"), False, "no connection (refused)"),
        ("llamacpp", tried(401), True, "answers (401)"),
        ("llamacpp", tried(404), True, "answers (404)"),
    ],
)
def test_sillytavern_may_refuse_and_a_backend_may_not_even_answer(
    name: str, one: ProbeResult, is_open: bool, seen: str
) -> None:
    way = combine("elsewhere", target(name), [one], "/")
    assert (way.is_open, way.seen, way.expected) == (is_open, seen, "closed")


def test_of_several_ways_the_open_ones_are_named() -> None:
    other = ProbeResult(url="http://b:2", answers={"/": Answer(status=200, body="")})
    way = combine("elsewhere", target("sillytavern"), [tried(403), other], "/")
    assert (way.address, way.seen) == ("b:2", "answers (200)")


def test_the_hosts_ways_are_told_by_those_that_are_wrong() -> None:
    lan = target(planned=(publish("0.0.0.0"),))  # noqa: S104
    assert lan.addresses(("192.0.2.1", "127.0.0.1")) == ("127.0.0.1", "::1", "192.0.2.1")
    assert target(planned=(publish("127.0.0.2"),)).addresses(()) == ("127.0.0.1", "::1", "127.0.0.2")
    way = all_open("here", lan, {"127.0.0.1:8000": True, "192.0.2.1:8000": True})
    assert (way.address, way.is_open, way.is_right) == ("0.0.0.0:8000", True, True)
    way = all_open("here", lan, {"127.0.0.1:8000": True, "192.0.2.1:8000": False})
    assert (way.address, way.is_open, way.is_right) == ("192.0.2.1:8000", False, False)
    way = all_shut("here", lan, {"[::1]:8000": False, "192.0.2.1:8080": False})
    assert (way.address, way.is_open, way.is_right) == ("2 others", False, True)
    way = all_shut("here", lan, {"[::1]:8000": True, "192.0.2.1:8080": False})
    assert (way.address, way.is_open, way.is_right) == ("[::1]:8000", True, False)
