"""The nodes as planning sees them: a look on each, its record, the labels, and memory and GPUs of the weakest."""

import hashlib
import json
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from stackctl.contracts.host import Cpu
from stackctl.contracts.service import GpuRequest, Mount
from stackctl.core.config.spec import Spec
from stackctl.core.plan.stack import Plan
from stackctl.effects.docker.labels import MADE_BY
from stackctl.errors import ConfigError, EngineError
from stackctl.orchestrators.swarm import last_look, look_text
from stackctl.orchestrators.swarm.cluster import data_label, node_label
from stackctl.orchestrators.swarm.machine_view import SwarmGpus, SwarmHost
from stackctl.orchestrators.swarm.nodes_seen import NodesSeen
from tests.core.samples import a_plan
from tests.fakes import FakeDocker, FakeGpus, FakeHost, disk
from tests.orchestrators.swarm.nodes_samples import JobSwarm

HEAD = hashlib.sha256(b"hello").hexdigest()
GPU_ROW = "gpu 0, GPU-{}, RTX 3060, {}, {}, 570.86.15, 8.6"


def sees(*lines: str, file: str = f"file 0 5 {HEAD}", available: int = 8 << 20) -> tuple[str, str, str]:
    """A task that completes, and what it printed."""
    said = (file, "total 16777216", f"available {available}", "machine x86_64", "flags avx avx2", *lines, "end")
    return "complete", "", "".join(f"stackctl-sees {one}\n" for one in said)


class Scene:
    """A Swarm of three: nas (this one), gpu1 and gpu2 with a GPU each; a stack with one model file."""

    def __init__(self, folder: Path, *, on_gpu: bool = True, **settings: Any) -> None:
        self.swarm, self.notes = JobSwarm(), list[str]()
        self.ids = {"nas": self.swarm.here}
        for name in ("gpu1", "gpu2"):
            self.ids[name] = self.swarm.add_node(name, resources={"NVIDIA-GPU": 1})
        self.model = folder / "tiny.gguf"
        self.model.write_bytes(b"hello")
        self.folder, self.docker = disk(folder).folder(folder), FakeDocker()
        spec = Spec.model_validate({"target": "swarm", "swarm": settings})
        self.nodes = NodesSeen(
            self.folder, self.docker, spec, self.swarm, details=self.notes.append, note=self.notes.append
        )
        self.plan = self._plan(on_gpu=on_gpu)

    def _plan(self, *, on_gpu: bool) -> Plan:
        plan = a_plan()
        backend = plan.backend_service
        assert backend
        model = (Mount(source=str(self.model), target="/models/tiny.gguf"),)
        changed = replace(
            backend,
            mounts=model,
            image="localhost/stackctl/llamacpp:debian",
            gpu=GpuRequest(make="nvidia", driver="nvidia") if on_gpu else None,
        )
        services = tuple(changed if one is backend else one for one in plan.services)
        return replace(plan, services=services, is_demo=False, files={})

    def labelled(self, label: str) -> set[str]:
        return {name for name, id_ in self.ids.items() if label in self.swarm.nodes[id_]["Spec"]["Labels"]}

    def again(self) -> NodesSeen:
        """The same folder in a later call."""
        return self.nodes.at(self.folder)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene(tmp_path)
    made.swarm.ends = {
        "gpu1": sees(GPU_ROW.format("a", 24576, 24000), "route 0000580A 00FFFFFF"),
        "gpu2": sees(GPU_ROW.format("b", 12288, 12000), available=4 << 20),
    }
    return made


def test_before_a_look_the_offered_gpus_are_known_and_no_memory_is(scene: Scene) -> None:
    (gpu,) = SwarmGpus(FakeGpus(), scene.nodes).list()
    assert (gpu.make, gpu.total_mib) == ("nvidia", 0)
    assert SwarmHost(FakeHost(), scene.nodes).ram(None) is None
    assert scene.nodes.offers_gpu()


def test_a_swarm_without_the_resource_has_no_gpus(tmp_path: Path) -> None:
    scene = Scene(tmp_path, nodes=("nas",))
    assert SwarmGpus(FakeGpus(), scene.nodes).list() == ()
    assert not scene.nodes.offers_gpu()


def test_a_survey_labels_the_nodes_that_pass_and_makes_memory_and_gpus_known(scene: Scene) -> None:
    assert scene.nodes.survey(scene.plan)
    assert scene.labelled(node_label(scene.plan.name)) == {"gpu1", "gpu2"}
    assert scene.labelled(data_label(scene.plan.name)) == {"nas"}
    (gpu,) = scene.nodes.gpus()
    assert gpu.total_mib == 12288, "the weakest, so that the plan fits on each"
    ram = scene.nodes.ram()
    assert ram
    assert ram.free_mib == 4096
    assert scene.nodes.subnets() == (IPv4Network("10.88.0.0/24"),)
    assert any("nas" in one and "NVIDIA-GPU" in one for one in scene.notes)
    assert not scene.nodes.survey(scene.plan), "nothing new was found"


def test_the_look_runs_on_candidates_alone_as_the_backend_s_user_and_nothing_of_it_stays(scene: Scene) -> None:
    scene.nodes.survey(scene.plan)
    (job,) = scene.swarm.jobs
    task, backend = job["TaskTemplate"], scene.plan.backend_service
    assert backend
    assert task["Placement"]["Constraints"] == [f"node.id != {scene.ids['nas']}"]
    content = task["ContainerSpec"]
    assert content["User"] == str(backend.user)
    assert content["Image"] == backend.image
    assert (content["CapabilityDrop"], content["ReadOnly"]) == (["ALL"], True)
    assert [(one["Source"], one["ReadOnly"]) for one in content["Mounts"]] == [(str(scene.model.parent), True)]
    assert job["Labels"][MADE_BY] == "look"
    assert not scene.swarm.services


def test_a_look_that_is_interrupted_and_one_that_was_killed_leave_nothing(scene: Scene) -> None:
    scene.swarm.ended_by = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        scene.nodes.reports(scene.plan)
    assert not scene.swarm.services
    scene.swarm.ended_by = None
    left = {**scene.swarm.jobs[0], "Name": "left"}
    scene.swarm.services["left"] = {"ID": "left", "Spec": left, "Version": {"Index": 1}}
    scene.nodes.reports(scene.plan)
    assert not scene.swarm.services


def test_a_node_that_lacks_the_model_is_not_labelled_and_says_why(scene: Scene) -> None:
    missing = 'invalid mount config for type "bind": bind source path does not exist: /srv'
    scene.swarm.ends["gpu2"] = ("rejected", missing, "")
    scene.nodes.survey(scene.plan)
    assert scene.labelled(node_label(scene.plan.name)) == {"gpu1"}
    assert "the node gpu2 runs no backend: the model is missing: there is no /srv" in scene.notes


def test_a_model_that_has_yet_to_be_pulled_is_looked_for_on_no_node(scene: Scene) -> None:
    scene.model.unlink()
    scene.nodes.survey(scene.plan)
    assert scene.labelled(node_label(scene.plan.name)) == {"gpu1", "gpu2"}
    assert scene.swarm.jobs[0]["TaskTemplate"]["ContainerSpec"]["Mounts"] == []


def test_a_node_that_goes_down_during_the_look_is_not_waited_for(scene: Scene) -> None:
    scene.swarm.ends["gpu2"] = ("running", "", "")
    scene.nodes.nodes()
    scene.swarm.nodes[scene.ids["gpu2"]]["Status"]["State"] = "down"
    found = {one.node.name: one for one in scene.nodes.reports(scene.plan)}
    assert "down" in found["gpu2"].problem
    assert found["gpu1"].passes


def test_no_node_that_passes_is_an_error_with_each_node_s_reason_and_changes_no_label(scene: Scene) -> None:
    gone = sees(file="file 0 missing")
    scene.swarm.ends = {"gpu1": gone, "gpu2": gone}
    with pytest.raises(EngineError, match=r"gpu1, gpu2: the model is missing.*nas: it offers no") as caught:
        scene.nodes.survey(scene.plan)
    assert caught.value.issue == "swarm-no-node"
    assert "`stackctl models pull --nodes`" in caught.value.hint
    assert scene.labelled(node_label(scene.plan.name)) == set()


def test_labels_of_nodes_that_no_longer_pass_stay_until_the_new_file_is_applied(scene: Scene) -> None:
    scene.nodes.survey(scene.plan)
    scene.swarm.ends["gpu2"] = sees(GPU_ROW.format("b", 12288, 12000), file=f"file 0 4 {HEAD}")
    scene.nodes.survey(scene.plan)
    assert scene.labelled(node_label(scene.plan.name)) == {"gpu1", "gpu2"}
    scene.again().settle(scene.plan.name, [applied(scene.plan)])
    assert scene.labelled(node_label(scene.plan.name)) == {"gpu1"}


def test_a_rollback_gives_the_label_back_to_the_nodes_of_what_ran_before(scene: Scene) -> None:
    scene.nodes.survey(scene.plan)
    other = scene.model.with_name("other.gguf")
    other.write_bytes(b"other")
    scene.swarm.ends["gpu2"] = sees(file="file 0 missing")
    scene.swarm.ends["gpu1"] = sees(
        GPU_ROW.format("a", 24576, 24000), file=f"file 0 5 {hashlib.sha256(b'other').hexdigest()}"
    )
    changed = moved_to(scene.plan, other)
    scene.nodes.survey(changed)
    scene.nodes.settle(scene.plan.name, [applied(changed)])
    assert scene.labelled(node_label(scene.plan.name)) == {"gpu1"}
    scene.again().settle(scene.plan.name, [applied(scene.plan)])
    assert scene.labelled(node_label(scene.plan.name)) == {"gpu1", "gpu2"}


def moved_to(plan: Plan, model: Path) -> Plan:
    backend = plan.backend_service
    assert backend
    changed = replace(backend, mounts=(replace(backend.mounts[0], source=str(model)),))
    return replace(plan, services=tuple(changed if one is backend else one for one in plan.services))


def applied(plan: Plan) -> dict[str, Any]:
    """The backend as the Engine's API takes it."""
    backend = plan.backend_service
    assert backend
    mounts = [{"Type": "bind", "Source": one.source, "Target": one.target} for one in backend.mounts]
    places = {"Constraints": [f"node.labels.{node_label(plan.name)} == true"]}
    return {"TaskTemplate": {"ContainerSpec": {"Image": backend.image, "Mounts": mounts}, "Placement": places}}


def test_data_on_another_node_is_refused_before_anything_changes(scene: Scene) -> None:
    label = data_label(scene.plan.name)
    scene.swarm.nodes[scene.ids["gpu1"]]["Spec"]["Labels"][label] = "true"
    with pytest.raises(EngineError, match="on the node gpu1") as caught:
        scene.nodes.survey(scene.plan)
    assert caught.value.issue == "swarm-data-elsewhere"
    assert f"`docker node update --label-rm {label} gpu1`" in caught.value.hint
    assert not scene.swarm.jobs


def test_an_engine_that_does_not_see_this_folder_is_refused(scene: Scene) -> None:
    scene.docker.is_local = False
    with pytest.raises(EngineError) as caught:
        scene.nodes.survey(scene.plan)
    assert caught.value.issue == "swarm-data-elsewhere"


def test_the_record_has_what_a_later_call_needs_and_no_secret(scene: Scene) -> None:
    scene.nodes.survey(scene.plan)
    later = scene.again()
    assert later.gpus() == scene.nodes.gpus()
    assert later.ram() == scene.nodes.ram()
    text = (scene.folder.path / last_look.FILE).read_text()
    assert json.loads(text)["version"] == 1
    assert scene.plan.key
    assert scene.plan.key.reveal() not in text


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', '{"version": 1, "reports": [{}]}', "[" * 100_000])
def test_a_damaged_record_counts_as_none(text: str) -> None:
    assert last_look.parse(text) is None


def test_what_this_stack_s_backend_holds_counts_as_free_on_its_node_alone(scene: Scene) -> None:
    scene.nodes.survey(scene.plan)
    found = scene.nodes.last()
    assert found
    here, other = (replace(one, services=("llamacpp",) * (at == 0)) for at, one in enumerate(found.able))
    held = last_look.Held(service="llamacpp", ram_mib=1000, gpus_mib=(400,))
    ram = last_look.weakest_ram([replace(here, free_mib=3000), other], held)
    assert ram
    assert (ram.free_mib, ram.own_mib) == (3000, 1000)
    assert last_look.freed(here, held).gpus[0].free_mib == 24400
    assert last_look.freed(other, held) == other
    assert last_look.freed(here, None) == here
    much = last_look.Held(service="llamacpp", ram_mib=10**6, gpus_mib=(10**6,))
    assert last_look.freed(here, much).gpus[0].free_mib == here.gpus[0].total_mib, "never more than there is"
    ram = last_look.weakest_ram([here], much)
    assert ram
    assert ram.free_mib + ram.own_mib == ram.total_mib


def test_the_processor_is_what_all_nodes_have(scene: Scene) -> None:
    assert scene.nodes.cpu(Cpu()) == Cpu()
    state, error, said = scene.swarm.ends["gpu2"]
    scene.swarm.ends["gpu2"] = (state, error, said.replace("flags avx avx2", "flags avx"))
    scene.nodes.survey(scene.plan)
    assert scene.nodes.cpu(Cpu()) == Cpu(avx2=False)


def test_without_a_manager_the_recorded_kind_is_rendered_and_else_the_usual_one(scene: Scene) -> None:
    class Silent(JobSwarm):
        @property
        def info(self) -> dict[str, Any]:
            raise EngineError("the engine does not answer")

    spec = Spec.model_validate({"target": "swarm"})
    alone = NodesSeen(scene.folder, scene.docker, spec, Silent(), details=print, note=print)
    assert alone.cluster().kind == "NVIDIA-GPU"
    none = Spec.model_validate({"target": "swarm", "swarm": {"gpu_resource": "none"}})
    assert NodesSeen(scene.folder, scene.docker, none, Silent(), details=print, note=print).cluster().kind == ""
    with pytest.raises(EngineError, match="does not answer"):
        alone.nodes()


def test_a_swarm_without_a_leader_is_said_in_words_and_another_refusal_as_it_came(scene: Scene) -> None:
    class Headless(JobSwarm):
        words = "rpc error: code = Unknown desc = The swarm does not have a leader."

        def list(self, kind: Any, **filters: str) -> Any:
            if kind == "nodes":
                raise EngineError(self.words)
            return super().list(kind, **filters)

    swarm = Headless()
    headless = NodesSeen(scene.folder, scene.docker, None, swarm, details=print, note=print)
    with pytest.raises(EngineError, match="more than half of its managers") as caught:
        headless.nodes()
    assert caught.value.issue == "swarm-not-manager"
    assert caught.value.evidence == (Headless.words,)
    swarm.words = "no route"
    with pytest.raises(EngineError, match="no route"):
        headless.nodes()


def test_two_kinds_among_the_candidates_are_refused(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.swarm.add_node("gpu3", resources={"gpu": 1})
    with pytest.raises(ConfigError) as caught:
        scene.nodes.cluster()
    assert caught.value.issue == "swarm-resource-kinds"


def test_a_trial_of_the_gpu_is_answered_by_the_look(scene: Scene) -> None:
    request = GpuRequest(make="nvidia", driver="nvidia")
    assert scene.nodes.trial(request).unseen
    scene.nodes.survey(scene.plan)
    trial = scene.nodes.trial(request)
    assert trial.inside
    assert trial.inside.listing == ("GPU 0: RTX 3060 (UUID: GPU-a)",)


def test_an_engine_with_user_namespaces_is_looked_at_without_its_network(scene: Scene) -> None:
    words = "cannot share the host's network namespace when user namespaces are enabled"
    scene.swarm.ends["gpu2"] = ("rejected", words, "")
    scene.nodes.reports(scene.plan)
    assert [one["TaskTemplate"].get("Networks") for one in scene.swarm.jobs] == [[{"Target": "host"}], None]


def test_a_task_s_output_is_read_within_bounds(scene: Scene) -> None:
    state, error, said = scene.swarm.ends["gpu1"]
    scene.swarm.ends["gpu1"] = (state, error, "x" * look_text.MOST_BYTES + said)
    found = {one.node.name: one for one in scene.nodes.reports(scene.plan)}
    assert "the look did not run" in found["gpu1"].problem
