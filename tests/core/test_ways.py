"""Ways into a stack: which are wrong, and when a backend is open to more than was planned."""

from dataclasses import replace

import pytest

from stackctl.core.stack import Publish
from stackctl.core.ways import Attached, Attachment, Expected, Way, backend_exposure, wrong
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
        ("shut", True, False),
        ("shut", False, True),
        ("either", True, True),
        ("either", False, True),
    ],
)
def test_a_way_is_right_if_it_is_as_planned(expected: Expected, is_open: bool, is_right: bool) -> None:
    way = Way(source="here", target="llamacpp", address="h:1", expected=expected, is_open=is_open, seen="")
    assert way.is_right == is_right
    assert wrong([way]) == (() if is_right else (way,))


def test_a_backend_in_its_inner_network_alone_is_open_to_nobody_else() -> None:
    assert backend_exposure(Attached(networks=(INNER,)), BACKEND, PLAN) is None


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Attached(networks=(INNER,), published=(OPEN,)), "llamacpp is published at 0.0.0.0:8080"),
        (Attached(networks=(INNER, EDGE)), "llamacpp is in the network chat_edge, too"),
        (Attached(networks=(replace(INNER, is_internal=False),)), "the network chat_inner is not internal"),
        (Attached(is_on_host=True), "llamacpp uses this machine's own network"),
    ],
)
def test_every_other_attachment_is_told(found: Attached, says: str) -> None:
    error = backend_exposure(found, BACKEND, PLAN)
    assert error is not None
    assert error.message.startswith(says)
    assert "compose.override.yml" in error.hint or "stackctl down" in error.hint


def test_a_published_port_that_was_planned_is_none_of_it() -> None:
    planned = replace(BACKEND, publish=OPEN)
    assert backend_exposure(Attached(networks=(INNER,), published=(OPEN,)), planned, PLAN) is None
