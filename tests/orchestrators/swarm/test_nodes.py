"""The nodes as the manager lists them: who may run the backend, and which resource stands for GPUs."""

from dataclasses import replace
from typing import Any

import pytest

from stackctl.contracts.node import Node
from stackctl.errors import ConfigError, EngineError
from stackctl.orchestrators.swarm import nodes
from tests.orchestrators.swarm.nodes_samples import GPU1, NAS


def listed(**about: Any) -> dict[str, Any]:
    """A node as GET /nodes has it."""
    return {
        "ID": "n2",
        "Spec": {"Role": "worker", "Availability": "active", "Labels": {"a": "b"}},
        "Description": {
            "Hostname": "gpu1",
            "Platform": {"OS": "linux", "Architecture": "x86_64"},
            "Engine": {"EngineVersion": "28.5.2+dfsg4"},
            "Resources": {"GenericResources": about.pop("resources", [])},
        },
        "Status": {"State": "ready", "Addr": "10.0.0.2"},
        **about,
    }


def test_a_node_is_read_with_its_resources_by_name_and_by_number() -> None:
    said = [
        {"NamedResourceSpec": {"Kind": "NVIDIA-GPU", "Value": "GPU-a"}},
        {"NamedResourceSpec": {"Kind": "NVIDIA-GPU", "Value": "GPU-b"}},
        {"DiscreteResourceSpec": {"Kind": "SSD", "Value": 3}},
    ]
    (found,) = nodes.parse_nodes([listed(resources=said)], "n1")
    assert (found.name, found.engine, found.platform, found.address) == ("gpu1", (28, 5, 2), "linux/x86_64", "10.0.0.2")
    assert (dict(found.resources), dict(found.labels)) == ({"NVIDIA-GPU": 2, "SSD": 3}, {"a": "b"})
    assert not found.is_here


@pytest.mark.parametrize("name", ["a\x1b[31mb\nc", "-oProxyCommand=x", "a b", "", None])
def test_a_node_with_no_host_name_goes_by_its_id(name: str | None) -> None:
    (found,) = nodes.parse_nodes([{"ID": "n9", "Description": {"Hostname": name}, "Status": None}], "n9")
    assert (found.name, found.state, found.engine, found.is_here) == ("n9", "unknown", (), True)


@pytest.mark.parametrize(
    ("swarm", "kind", "says"),
    [
        ({}, ConfigError, "in no Swarm"),
        ({"LocalNodeState": "inactive"}, ConfigError, "in no Swarm"),
        ({"LocalNodeState": "pending"}, ConfigError, "not joined"),
        ({"LocalNodeState": "locked"}, EngineError, "locked"),
        ({"LocalNodeState": "error", "Error": "no quorum"}, EngineError, "no quorum"),
        ({"LocalNodeState": "active", "ControlAvailable": False}, ConfigError, "worker"),
    ],
)
def test_an_engine_that_manages_no_swarm_is_refused(swarm: dict[str, Any], kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says) as caught:
        nodes.refuse_unmanaged(swarm)
    assert caught.value.issue == "swarm-not-manager"  # type: ignore[attr-defined]


def test_the_hint_of_a_worker_names_the_managers_and_that_of_a_single_machine_how_to_begin() -> None:
    swarm = {"LocalNodeState": "active", "NodeID": "n2", "RemoteManagers": [{"Addr": "10.0.0.1:2377"}]}
    with pytest.raises(ConfigError) as caught:
        nodes.refuse_unmanaged(swarm)
    assert "10.0.0.1:2377" in caught.value.hint
    assert "`docker node promote n2`" in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        nodes.refuse_unmanaged({})
    assert "`docker swarm init`" in caught.value.hint


def test_a_manager_is_taken() -> None:
    nodes.refuse_unmanaged({"LocalNodeState": "active", "ControlAvailable": True})


def test_an_unknown_name_among_the_nodes_is_refused_with_those_that_exist() -> None:
    assert nodes.choose_candidates((NAS, GPU1), ()) == (NAS, GPU1)
    assert nodes.choose_candidates((NAS, GPU1), ("gpu1", "n2")) == (GPU1,)
    with pytest.raises(ConfigError, match="'gpu9'") as caught:
        nodes.choose_candidates((NAS, GPU1), ("gpu9",))
    assert "nas, gpu1" in caught.value.hint


def test_a_name_that_two_nodes_have_is_refused_with_their_ids() -> None:
    twin = replace(GPU1, id="n3")
    with pytest.raises(ConfigError, match="2 nodes") as caught:
        nodes.choose_candidates((GPU1, twin), ("gpu1",))
    assert "n2, n3" in caught.value.hint


@pytest.mark.parametrize(
    ("offers", "wanted", "kind"),
    [
        ([{}, {"gpu": 1}], "auto", "gpu"),
        ([{}, {"SSD": 1}], "auto", ""),
        ([{"gpu": 1, "GPU": 1}], "none", ""),
        ([{"gpu": 1, "GPU": 1}], "GPU", "GPU"),
        ([], "cards", "cards"),
    ],
)
def test_the_resource_is_that_of_the_candidates(offers: list[dict[str, int]], wanted: str, kind: str) -> None:
    found = tuple(replace(GPU1, id=str(at), resources=one) for at, one in enumerate(offers))
    assert nodes.resource_kind(found, wanted) == kind


def test_two_kinds_of_resource_are_refused_with_the_nodes_that_offer_them() -> None:
    other = replace(GPU1, name="gpu2", resources={"gpu": 2})
    with pytest.raises(ConfigError, match="NVIDIA-GPU on gpu1; gpu on gpu2") as caught:
        nodes.resource_kind((GPU1, other), "auto")
    assert caught.value.issue == "swarm-resource-kinds"


def test_the_least_that_a_node_offers_is_what_each_has() -> None:
    both = (NAS, GPU1, replace(GPU1, resources={"NVIDIA-GPU": 3}))
    assert nodes.offered(both, "NVIDIA-GPU", 1) == 1
    assert nodes.offered(both, "NVIDIA-GPU", 2) == 3, "of the nodes that have enough"
    assert nodes.offered((NAS,), "NVIDIA-GPU", 2) == 2


def test_a_node_with_too_few_gpus_is_left_out() -> None:
    problem, hint, issue = nodes.refusal(GPU1, NAS, "NVIDIA-GPU", 2)
    assert problem == "it offers 1 NVIDIA-GPU, and the backend needs 2"
    assert "gpu.devices" in hint
    assert issue == "swarm-no-node"


@pytest.mark.parametrize(
    ("node", "says", "issue"),
    [
        (replace(GPU1, state="down"), "it is down", "swarm-no-node"),
        (replace(GPU1, availability="drain"), "drained", "swarm-no-node"),
        (replace(GPU1, availability="pause"), "paused", "swarm-no-node"),
        (replace(GPU1, platform="linux/aarch64"), "linux/aarch64", "swarm-no-node"),
        (replace(GPU1, engine=(20, 10, 24)), "20.10.24", "swarm-engine-too-old"),
        (replace(GPU1, resources={"gpu": 1}), "no NVIDIA-GPU", "swarm-no-node"),
    ],
)
def test_a_node_that_can_run_no_backend_gets_its_reason_without_a_look(node: Node, says: str, issue: str) -> None:
    problem, hint, page = nodes.refusal(node, NAS, "NVIDIA-GPU")
    assert says in problem
    assert hint
    assert page == issue


def test_a_node_without_the_resource_or_with_an_old_engine_may_run_a_backend_on_the_cpu() -> None:
    assert nodes.refusal(replace(NAS, engine=(20, 10, 24)), NAS, "") == ("", "", "")
    assert nodes.refusal(GPU1, NAS, "NVIDIA-GPU") == ("", "", "")
