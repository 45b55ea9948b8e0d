"""The file as the orchestrator gives it: refused before anything is asked of the nodes, and whole without an engine."""

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from stackctl.contracts.service import Network
from stackctl.core.config.files import STATE
from stackctl.core.plan import plan_json
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError, EngineError, StackctlError
from stackctl.orchestrators.swarm.nodes_seen import NodesSeen
from stackctl.orchestrators.swarm.orchestrator import SwarmOrchestrator
from tests.core.samples import template, wanted
from tests.fakes import FakeDocker, disk
from tests.orchestrators.swarm.cases import CASES, PROXY, as_docker_reads_it, case_text
from tests.orchestrators.swarm.fake_swarm import FakeSwarm

LAN = {"sillytavern": {"expose": "lan"}}


class Scene:
    def __init__(self, folder: Path, **sections: Any) -> None:
        self.swarm, self.notes, self.folder = FakeSwarm(), list[str](), disk(folder).folder(folder)
        says = self.notes.append
        spec = wanted(name="chat", target="swarm", **sections)
        nodes = NodesSeen(self.folder, FakeDocker(), spec, self.swarm, details=says, note=says)
        self.orchestrator = SwarmOrchestrator(self.folder, self.swarm, template, nodes, details=says, note=says)

    def files(self, plan: Plan) -> dict[str, Any]:
        (text,) = self.orchestrator.files(plan).values()
        return as_docker_reads_it(text)


def refused(scene: Scene, case: str = "") -> StackctlError:
    with pytest.raises((ConfigError, EngineError)) as caught:
        scene.files(CASES[case]()) if case else scene.orchestrator.observe()
    return caught.value


def test_settings_are_refused_by_the_look_and_by_a_rendering(tmp_path: Path) -> None:
    for case in ("", "llamacpp-cpu"):
        assert refused(Scene(tmp_path), case).issue == "swarm-expose-none"
        assert refused(Scene(tmp_path, **LAN, gpu={"mode": "cdi"}), case).issue == "swarm-gpu-setting"


def test_a_setting_that_is_taken_is_rendered_with_absolute_paths_of_this_folder(tmp_path: Path) -> None:
    scene = Scene(tmp_path, **LAN)
    scene.orchestrator.observe()
    page = scene.files(CASES["llamacpp-cpu"]())["services"]["sillytavern"]
    binds = [mount["source"] for mount in page["volumes"] if mount["type"] == "bind"]
    assert all(source.startswith(f"{scene.folder.path}/sillytavern/") for source in binds)


def test_a_proxys_network_of_this_machine_alone_is_refused(tmp_path: Path) -> None:
    scene = Scene(tmp_path, sillytavern={"proxy": PROXY})
    scene.orchestrator.observe()  # without that network the look at the proxy says that it is missing
    scene.swarm.add_network("caddy", "10.7.0.0/24", driver="bridge")
    assert refused(scene).issue == "swarm-setting-refused"


def test_an_old_manager_is_refused_with_a_gpu(tmp_path: Path) -> None:
    scene = Scene(tmp_path, **LAN)
    scene.swarm.add_node("gpu1", resources={"NVIDIA-GPU": 1})
    scene.swarm.version = "23.0.1"
    scene.orchestrator.observe()
    assert refused(scene, "llamacpp-nvidia").issue == "swarm-engine-too-old"
    assert scene.files(CASES["llamacpp-cpu"]())


def test_a_check_takes_what_was_rendered_and_no_other_key(tmp_path: Path) -> None:
    scene = Scene(tmp_path, **LAN)
    text = case_text("lan")
    scene.orchestrator.check("chat", text)
    with pytest.raises(ConfigError, match="dns, which stackctl does not apply"):
        scene.orchestrator.check("chat", text.replace("    init: true\n", "    init: true\n    dns: [1.1.1.1]\n"))


def test_a_carried_file_that_is_missing_is_named(tmp_path: Path) -> None:
    scene = Scene(tmp_path, **LAN)
    scene.folder.write("stack.yml", case_text("llamacpp-cpu"))
    with pytest.raises(ConfigError, match=r"\./backend/api-key, which stack\.yml names, is missing") as caught:
        scene.orchestrator.apply("chat")
    assert "`stackctl deploy`" in caught.value.hint


def test_without_an_engine_the_whole_file_is_rendered_and_what_is_assumed_is_said(tmp_path: Path) -> None:
    scene = Scene(tmp_path, **LAN)
    scene.swarm.is_silent = True
    assert scene.orchestrator.recorded_gateway() == "172.18.0.1"
    assert "172.18.0.1, the usual gateway of docker_gwbridge" in scene.notes[0]
    backend = scene.files(CASES["llamacpp-nvidia"]())["services"]["llamacpp"]
    reserved = backend["deploy"]["resources"]["reservations"]["generic_resources"]
    assert reserved == [{"discrete_resource_spec": {"kind": "NVIDIA-GPU", "value": 1}}]


@pytest.mark.parametrize(("target", "known"), [("swarm", "172.20.0.1"), ("compose", "172.18.0.1")])
def test_the_gateway_of_the_last_deploy_on_swarm_is_rendered_again(tmp_path: Path, target: str, known: str) -> None:
    scene, plan = Scene(tmp_path, **LAN), CASES["llamacpp-cpu"]()
    edge = Network(name="edge", subnet="10.9.0.0/24", gateway="172.20.0.1", internal=False)
    text = plan_json.dump(
        replace(plan, networks=(edge,)), PurePosixPath(scene.folder.path), key="k", password="p", target=target
    )
    (tmp_path / STATE).mkdir(exist_ok=True)
    scene.folder.write(plan_json.FILE, text)
    assert scene.orchestrator.recorded_gateway() == known


def test_a_damaged_record_of_the_gateway_counts_as_none() -> None:
    for text in (
        "",
        "[]",
        '{"folder": "/a", "plan": {"networks": [{"name": "edge", "gateway": "x y"}]}}',
        '{"plan": 1}',
    ):
        assert plan_json.gateway(text, PurePosixPath("/a")) == ""
