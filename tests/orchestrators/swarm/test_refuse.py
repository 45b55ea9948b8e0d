"""What can't stand in Swarm is refused with words, an action and a page; nothing is left out in silence."""

from dataclasses import replace
from typing import Any

import pytest

from stackctl.contracts.service import GpuRequest
from stackctl.core.config.lock import Lock
from stackctl.core.config.swarm_spec import Swarm
from stackctl.core.plan.plan import plan
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError, EngineError
from stackctl.orchestrators.swarm import refuse
from stackctl.orchestrators.swarm.cluster import Cluster
from tests.core.samples import GPU, backend_of, wanted
from tests.orchestrators.swarm.cases import CASES, PROXY, backend_plan, world

LAN = {"sillytavern": {"expose": "lan"}}
ROOTLESS = {"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]}
NFTABLES = {"FirewallBackend": {"Driver": "nftables", "Info": [["ReloadedAt", "2026-01-01T00:00:00Z"]]}}
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({}, "sillytavern.expose", "swarm-expose-none"),
    ({**LAN, "gpu": {"mode": "cdi"}}, "gpu.mode = 'cdi'", "swarm-gpu-setting"),
    ({**LAN, "gpu": {"mode": "rocm"}}, "gpu.mode = 'rocm'", "swarm-gpu-setting"),
    ({**LAN, "gpu": {"mode": "vulkan"}}, "gpu.mode = 'vulkan'", "swarm-gpu-setting"),
    ({**LAN, "gpu": {"devices": ("0",)}}, "gpu.devices = ['0']", "swarm-gpu-setting"),
    ({**LAN, "gpu": {"devices": ("free",)}}, "gpu.devices = ['free']", "swarm-gpu-setting"),
    ({**LAN, "gpu": {"devices": ("count:1", "not-display")}}, "gpu.devices", "swarm-gpu-setting"),
    (
        {**LAN, "gpu": {"devices": ("count:1",)}, "swarm": {"gpu_resource": "none"}},
        "gets all of its node",
        "swarm-gpu-setting",
    ),
    ({**LAN, "backend": {"kind": "external", "url": "http://a:1"}}, "backend.kind", "swarm-setting-refused"),
    ({**LAN, "backend": {"publish": "127.0.0.1:5001"}}, "backend.publish", "swarm-setting-refused"),
    ({"sillytavern": {"expose": "lan", "bind": "127.9.8.7"}}, "sillytavern.bind", "swarm-setting-refused"),
    ({"sillytavern": {"expose": "lan", "host_access": "on"}}, "host_access", "swarm-setting-refused"),
    ({**LAN, "swarm": {"models": "models"}}, "swarm.models = 'models'", "swarm-setting-refused"),
]


@pytest.mark.parametrize(("sections", "says", "issue"), REFUSED, ids=[one[1] for one in REFUSED])
def test_a_setting_that_swarm_can_not_meet_is_refused(sections: dict[str, Any], says: str, issue: str) -> None:
    with pytest.raises(ConfigError) as caught:
        refuse.refuse_settings(wanted(**sections))
    assert says in caught.value.message
    assert caught.value.issue == issue
    assert caught.value.hint.endswith(".")
    assert caught.value.exit_code == 3


TAKEN: list[dict[str, Any]] = [
    LAN,
    {"sillytavern": {"expose": "192.168.1.5"}},
    {"sillytavern": {"proxy": PROXY}},
    {**LAN, "gpu": {"mode": "nvidia"}},
    {**LAN, "gpu": {"mode": "none", "devices": ("0",)}},
    {**LAN, "gpu": {"devices": ("count:2",)}},
    {**LAN, "swarm": {"gpu_resource": "none", "models": "/srv/models"}},
    {**LAN, "network": {"inner": "10.88.1.0/24", "edge": "10.88.2.0/24"}},
]


@pytest.mark.parametrize("sections", TAKEN, ids=str)
def test_what_swarm_can_meet_is_taken(sections: dict[str, Any]) -> None:
    refuse.refuse_settings(wanted(**sections))


def test_the_hint_of_a_page_for_this_machine_alone_names_both_ways() -> None:
    with pytest.raises(ConfigError) as caught:
        refuse.refuse_settings(wanted())
    assert '`sillytavern.expose = "lan"`' in caught.value.hint
    assert "[sillytavern.proxy]" in caught.value.hint


@pytest.mark.parametrize("case", CASES)
def test_the_plans_of_all_golden_files_are_taken(case: str) -> None:
    refuse.refuse_plan(CASES[case]())


def changed(**about: Any) -> Plan:
    made = CASES["llamacpp-nvidia"]()
    backend = replace(backend_of(made), **about)
    return replace(made, services=(backend, made.sillytavern))


@pytest.mark.parametrize(
    ("about", "issue"),
    [
        ({"gpu": GpuRequest(make="amd", files=("/dev/kfd",))}, "swarm-gpu-setting"),
        ({"gpu": GpuRequest(make="nvidia", driver="cdi", files=("nvidia.com/gpu=all",))}, "swarm-gpu-setting"),
        ({"reaches_host": True}, "swarm-setting-refused"),
        ({"addresses": {"inner": "10.9.0.5"}}, "swarm-setting-refused"),
        ({"role": "companion"}, "swarm-setting-refused"),
    ],
    ids=str,
)
def test_what_no_file_for_swarm_can_say_is_refused_in_a_plan_too(about: dict[str, Any], issue: str) -> None:
    with pytest.raises(ConfigError) as caught:
        refuse.refuse_plan(changed(**about))
    assert caught.value.issue == issue


@pytest.mark.parametrize("kind", ["llamacpp", "text-generation-webui"])
def test_a_name_for_which_swarm_has_no_room_is_refused_with_the_room_that_there_is(kind: str) -> None:
    with pytest.raises(ConfigError, match="is too long") as caught:
        refuse.refuse_plan(backend_plan(kind, "none", name="a" * 63))
    room = int(caught.value.hint.rpartition(" most ")[2].split()[0])
    refuse.refuse_plan(backend_plan(kind, "none", name="a" * room))
    with pytest.raises(ConfigError, match="is too long"):
        refuse.refuse_plan(backend_plan(kind, "none", name="a" * (room + 1)))


@pytest.mark.parametrize(
    ("info", "says", "issue"),
    [
        (ROOTLESS, "rootless", "swarm-setting-refused"),
        ({"BuildahVersion": "1.37.0"}, "Podman", "swarm-setting-refused"),
        (NFTABLES, "nftables", "swarm-nftables"),
        ({"FirewallBackend": {"Driver": "nftables+firewalld"}}, "nftables+firewalld", "swarm-nftables"),
    ],
    ids=["rootless", "podman", "nftables", "nftables with firewalld"],
)
def test_an_engine_without_swarm_is_refused(info: dict[str, Any], says: str, issue: str) -> None:
    with pytest.raises((ConfigError, EngineError)) as caught:
        refuse.refuse_engine(info)
    assert says in caught.value.message
    assert caught.value.issue == issue
    assert caught.value.hint


@pytest.mark.parametrize(
    "info", [{}, {"FirewallBackend": None}, {"FirewallBackend": {"Driver": "iptables"}}, {"SecurityOptions": None}]
)
def test_another_engine_is_taken(info: dict[str, Any]) -> None:
    refuse.refuse_engine(info)


def test_an_engine_before_23_0_2_is_refused_with_a_gpu_alone() -> None:
    of_gpu, of_cpu = CASES["llamacpp-nvidia"](), CASES["llamacpp-cpu"]()
    known, none = Cluster(settings=Swarm(), kind="NVIDIA-GPU"), Cluster(settings=Swarm(gpu_resource="none"))
    with pytest.raises(EngineError, match=r"23\.0\.1 is older than 23\.0\.2") as caught:
        refuse.refuse_old_manager({"ServerVersion": "23.0.1"}, of_gpu, known)
    assert caught.value.issue == "swarm-engine-too-old"
    for version, made, cluster in (
        ("23.0.1", of_cpu, known),
        ("23.0.1", of_gpu, none),
        ("23.0.2", of_gpu, known),
        ("28.5.2+dfsg4", of_gpu, known),
    ):
        refuse.refuse_old_manager({"ServerVersion": version}, made, cluster)


def test_a_proxys_network_must_be_an_attachable_overlay() -> None:
    refuse.refuse_proxy("caddy", {"Scope": "swarm", "Driver": "overlay", "Attachable": True})
    refuse.refuse_proxy("caddy", None)
    with pytest.raises(ConfigError, match="a bridge network of this machine alone") as caught:
        refuse.refuse_proxy("caddy", {"Scope": "local", "Driver": "bridge"})
    assert "`docker network create --driver overlay --attachable caddy-swarm`" in caught.value.hint
    with pytest.raises(ConfigError, match="no attachable overlay"):
        refuse.refuse_proxy("caddy", {"Scope": "swarm", "Driver": "overlay", "Attachable": False})


def test_count_n_reserves_n_and_all_reserves_what_a_node_offers() -> None:
    two = plan(
        wanted(name="chat", target="swarm", gpu={"mode": "nvidia", "devices": ("count:1",)}, **LAN),
        world(gpus=(GPU, replace(GPU, index=1, uuid="GPU-2"))),
        Lock(),
    ).plan
    from tests.orchestrators.swarm.cases import as_docker_reads_it, text_of

    def value(made: Plan, offered: int) -> int:
        backend = as_docker_reads_it(text_of(made, offered=offered))["services"]["llamacpp"]
        (one,) = backend["deploy"]["resources"]["reservations"]["generic_resources"]
        return int(one["discrete_resource_spec"]["value"])

    assert value(two, 4) == 1
    unseen = plan(wanted(name="chat", target="swarm", gpu={"mode": "nvidia"}, **LAN), world(gpus=()), Lock()).plan
    assert value(unseen, 4) == 4
