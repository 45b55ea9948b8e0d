"""What `stackctl doctor` finds of a swarm and of the nodes of a stack."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from stackctl.contracts.finding import CheckResult
from stackctl.errors import EngineError
from stackctl.orchestrators.swarm.api import Kind
from stackctl.orchestrators.swarm.health import examine
from tests.orchestrators.swarm.fake_swarm import FakeSwarm

ABLE = {"stackctl.chat.backend": "true"}


class Other(FakeSwarm):
    """The same swarm, of which the engine says this."""

    about: Mapping[str, Any] = MappingProxyType({})

    @property
    def info(self) -> dict[str, Any]:
        found = super().info
        return {**found, "Swarm": {**found["Swarm"], **self.about}}


def swarm(**about: Any) -> Other:
    """A swarm whose manager has the data, and two nodes that may run the backend."""
    found = Other()
    found.about = about
    found.node_named("nas")["Spec"]["Labels"] = {"stackctl.chat.data": "true"}
    found.add_node("gpu1", labels=ABLE)
    found.add_node("gpu2", labels=ABLE)
    return found


def says(found: CheckResult) -> list[str]:
    return [one.says for one in found.findings]


def test_of_a_healthy_stack_nothing_is_found_and_its_nodes_are_counted() -> None:
    beat = {"Cluster": {"Spec": {"Dispatcher": {"HeartbeatPeriod": 5_000_000_000}}}}
    found = examine("chat", swarm(**beat))
    assert (found.state, found.says) == ("passed", "3 nodes, 1 of them managers, a heartbeat every 5 s")


@pytest.mark.parametrize(
    ("change", "why"), [(("Status", "State", "down"), "is down"), (("Spec", "Availability", "drain"), "is drained")]
)
def test_a_node_that_takes_no_tasks_is_a_warning_and_the_last_one_a_failure(
    change: tuple[str, str, str], why: str
) -> None:
    found, (part, key, value) = swarm(), change
    found.node_named("gpu1")[part][key] = value
    assert examine("chat", found).state == "warned"
    assert says(examine("chat", found)) == [f"gpu1, where the backend may run, {why}: gpu2 may still run it"]
    found.node_named("gpu2")[part][key] = value
    assert examine("chat", found).state == "failed"
    assert says(examine("chat", found)) == [f"no node can run the backend: gpu1 {why}, gpu2 {why}"]


def test_without_its_label_the_node_of_the_data_is_named() -> None:
    found = swarm()
    found.node_named("nas")["Spec"]["Labels"] = {}
    assert "this node has no label stackctl.chat.data" in says(examine("chat", found))[0]


def test_without_a_stack_no_label_is_missed() -> None:
    assert examine("", FakeSwarm()).state == "passed"


@pytest.mark.parametrize(
    "about", [{"LocalNodeState": "inactive"}, {"LocalNodeState": "locked"}, {"ControlAvailable": False}]
)
def test_a_node_that_manages_nothing_is_a_finding_and_no_error(about: dict[str, Any]) -> None:
    found = examine("chat", swarm(**about))
    assert [one.issue for one in found.findings] == ["swarm-not-manager"]


class Leaderless(Other):
    """A manager without a leader."""

    def list(self, kind: Kind, **filters: str) -> "list[dict[str, Any]]":
        del kind, filters
        raise EngineError(
            "docker nodes can't be listed: the swarm does not have a leader", hint="look", issue="swarm-not-manager"
        )


def test_a_swarm_without_a_leader_is_a_finding_with_the_engines_words() -> None:
    assert says(examine("chat", Leaderless())) == [
        "docker nodes can't be listed: the swarm does not have a leader",
    ]
