"""The networks that a compose.yml has of the stack's own."""

import pytest

from stackctl.contracts.service import Network
from stackctl.orchestrators.compose.networks import own_networks
from tests.core.samples import rendered, wanted

INNER = Network(name="inner", subnet="10.2.0.0/24", gateway="10.2.0.1", internal=True)


def test_a_rendered_file_has_both_with_their_addresses() -> None:
    edge, inner = sorted(own_networks(rendered()), key=lambda one: one.name)
    assert (edge.name, edge.internal, inner.name, inner.internal) == ("edge", False, "inner", True)
    assert edge.gateway.rpartition(".")[0] == edge.subnet.rpartition(".")[0]


def test_a_proxy_s_network_is_not_the_stack_s_own() -> None:
    proxy = {"network": "web", "container": "caddy", "hosts": ("chat.example",)}
    text = rendered(wanted(sillytavern={"proxy": proxy}))
    assert "external: true" in text
    assert "proxy" not in {one.name for one in own_networks(text)}


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "networks: 7",
        "networks: {edge: }",
        "networks: {edge: {ipam: x}}",
        "networks: {edge: {ipam: {config: [7]}}}",
        "networks: {edge: {ipam: {config: [{subnet: 10.1.0.0/24}]}}}",
        "networks: {edge: {ipam: {config: [{gateway: [1], subnet: 10.1.0.0/24}]}}}",
    ],
)
def test_what_a_person_spoiled_there_is_left_to_compose(text: str) -> None:
    assert own_networks(text) == ()


def test_one_by_hand_is_as_good() -> None:
    text = "networks: {inner: {internal: true, ipam: {config: [{subnet: 10.2.0.0/24, gateway: 10.2.0.1}]}}}"
    assert own_networks(text) == (INNER,)
