"""A stack in an in-memory Swarm: made, changed, started, stopped, removed, and its logs."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.config.spec import Spec
from stackctl.core.start.events import Applied, Changed, Event, Kept, Line, Refused
from stackctl.errors import ConfigError, EngineError
from stackctl.orchestrators.swarm import apply
from stackctl.orchestrators.swarm.cluster import data_label, node_label
from stackctl.orchestrators.swarm.following import Following
from stackctl.orchestrators.swarm.nodes_seen import NodesSeen
from stackctl.orchestrators.swarm.orchestrator import SwarmOrchestrator
from stackctl.orchestrators.swarm.states import look
from tests.core.samples import template
from tests.fakes import FakeDocker, disk
from tests.orchestrators.swarm.cases import CASES, case_text
from tests.orchestrators.swarm.fake_swarm import FakeSwarm

BACKEND, PAGE = "chat_llamacpp", "chat_sillytavern"


class Scene:
    """A Swarm of nas (this one) and gpu1, which has the backend's label; a folder with stack.yml and its files."""

    def __init__(self, folder: Path, case: str = "llamacpp-cpu") -> None:
        self.swarm, self.said = FakeSwarm(), list[str]()
        self.swarm.add_node("gpu1", labels={node_label("chat"): "true"}, resources={"NVIDIA-GPU": 1})
        self.folder = disk(folder).folder(folder)
        self.text = case_text(case)
        self.folder.write("stack.yml", self.text)
        self.secrets = {name: text.reveal() for name, text in CASES[case]().files.items()}
        for name, text in self.secrets.items():
            self.folder.write(name, text)
        spec = Spec.model_validate({"target": "swarm"})
        says = self.said.append
        nodes = NodesSeen(self.folder, FakeDocker(), spec, self.swarm, details=says, note=says)
        self.stack = SwarmOrchestrator(self.folder, self.swarm, template, nodes, details=says, note=says)

    def apply(self, service: str | None = None, **how: Any) -> None:
        applying = self.stack.apply("chat", service, **how)
        applying.close()

    def changes(self, *prefixes: str) -> list[str]:
        return [one for one in self.swarm.asked if one.startswith(prefixes)]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_first_start_makes_networks_then_what_is_carried_then_services(scene: Scene) -> None:
    scene.apply()
    made = [one.split()[1] for one in scene.changes("create")]
    assert made == ["networks", "networks", "secrets", "services", "services"]
    inner = next(one for one in scene.swarm.networks.values() if one["Name"] == "chat_inner_overlay")
    assert (inner["Driver"], inner["Internal"], inner["Attachable"]) == ("overlay", True, True)
    assert scene.swarm.node_named("nas")["Spec"]["Labels"] == {data_label("chat"): "true"}
    states = scene.stack.states("chat")
    assert {name: (one.machine, one.is_ready) for name, one in states.items()} == {
        "llamacpp": ("gpu1", True),
        "sillytavern": ("", True),
    }


def test_no_secret_stands_in_a_service_or_a_label(scene: Scene) -> None:
    scene.apply()
    assert scene.secrets
    for text in scene.secrets.values():
        assert text.strip() not in str(
            [scene.swarm.services, scene.swarm.tasks, scene.swarm.nodes, scene.swarm.asked, scene.said]
        )


def test_a_service_that_is_as_wanted_is_left_alone(scene: Scene) -> None:
    scene.apply()
    before = dict(scene.swarm.tasks)
    scene.swarm.asked.clear()
    scene.apply()
    assert scene.swarm.asked == []
    assert scene.swarm.tasks == before


def test_what_is_kept_is_said_so_that_a_start_can_end(scene: Scene) -> None:
    scene.apply()
    applying = scene.stack.apply("chat")
    found = list(_until_applied(applying.events(float("inf"))))
    applying.close()
    assert found == [Kept("llamacpp"), Kept("sillytavern"), Applied(0)]


def _until_applied(events: Any) -> Any:
    for event in events:
        yield event
        if isinstance(event, Applied):
            return


def test_a_change_updates_that_service_alone(scene: Scene) -> None:
    scene.apply()
    scene.swarm.asked.clear()
    scene.folder.write("stack.yml", scene.text.replace("published: 8000", "published: 8011"))
    scene.apply()
    assert scene.changes("create", "update", "remove") == [f"update services {PAGE}"]


def test_an_update_that_another_one_overtakes_is_tried_again(scene: Scene) -> None:
    scene.apply()
    scene.folder.write("stack.yml", scene.text.replace("published: 8000", "published: 8011"))
    scene.swarm.refuses = [EngineError("rpc error: code = Unknown desc = update out of sequence", hint="")]
    scene.apply()
    ports = scene.swarm.service_named(PAGE)["Spec"]["EndpointSpec"]["Ports"]
    assert [one["PublishedPort"] for one in ports] == [8011]


def test_a_service_that_the_file_no_longer_has_is_removed(scene: Scene) -> None:
    scene.apply()
    body = {**scene.swarm.service_named(PAGE)["Spec"], "Name": "chat_old"}
    body["Labels"] = {**body["Labels"], "stackctl.service": "old"}
    scene.swarm.create("services", body)
    scene.apply()
    assert sorted(one["Spec"]["Name"] for one in scene.swarm.services.values()) == [BACKEND, PAGE]


def test_a_network_that_differs_is_made_again_after_the_services_in_it(scene: Scene) -> None:
    scene.apply()
    subnet = next(line.split('"')[1] for line in scene.text.splitlines() if "subnet:" in line)
    scene.folder.write("stack.yml", scene.text.replace(subnet, "10.99.1.0/24"))
    scene.swarm.asked.clear()
    scene.swarm.drains = 2  # tasks that end still hold it for a moment
    scene.apply()
    order = [one for one in scene.changes("remove", "create") if "secrets" not in one]
    assert order.index("remove services chat_llamacpp") < order.index("create networks chat_inner_overlay")
    assert {name for name, one in scene.stack.states("chat").items() if one.is_ready} == {"llamacpp", "sillytavern"}


def test_an_old_secret_goes_once_no_service_uses_it_and_swarm_no_longer_takes_an_update_back(scene: Scene) -> None:
    scene.apply()
    old = scene.swarm.create("secrets", {"Name": "chat_api-key_0", "Labels": {"com.docker.stack.namespace": "chat"}})
    scene.swarm.create("secrets", {"Name": "theirs", "Labels": {}})
    scene.swarm.service_named(BACKEND)["UpdateStatus"] = {"State": "completed"}
    apply.remove_unused("chat", scene.swarm)
    assert old not in scene.swarm.secrets
    assert [one["Spec"]["Name"] for one in scene.swarm.secrets.values() if "theirs" in one["Spec"]["Name"]] == [
        "theirs"
    ]
    assert len(scene.swarm.secrets) == 2  # and the one in use


def test_a_stop_scales_to_nothing_and_a_start_back_without_making_anything(scene: Scene) -> None:
    scene.apply()
    scene.stack.stop("chat", "llamacpp")
    assert scene.stack.states("chat")["llamacpp"].state == "exited"
    assert scene.stack.states("chat")["sillytavern"].is_ready
    scene.swarm.asked.clear()
    scene.apply(action="start")
    assert scene.swarm.asked == [f"update services {BACKEND}"]
    assert scene.stack.states("chat")["llamacpp"].is_ready


def test_a_restart_makes_new_tasks_of_one_service(scene: Scene) -> None:
    scene.apply()
    before = [one["ID"] for one in scene.swarm.tasks_of(BACKEND)], [one["ID"] for one in scene.swarm.tasks_of(PAGE)]
    scene.apply("llamacpp", action="restart")
    after = [one["ID"] for one in scene.swarm.tasks_of(BACKEND)], [one["ID"] for one in scene.swarm.tasks_of(PAGE)]
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_a_start_makes_a_service_that_somebody_removed(scene: Scene) -> None:
    scene.apply()
    scene.swarm.remove("services", BACKEND)
    scene.apply(action="start")
    assert set(scene.stack.states("chat")) == {"llamacpp", "sillytavern"}


def test_down_leaves_nothing_of_the_stack_and_all_of_others(scene: Scene) -> None:
    scene.apply()
    theirs = scene.swarm.create("secrets", {"Name": "theirs", "Labels": {}})
    networks = {"docker_gwbridge", "ingress"}
    scene.stack.down("chat", volumes=True)
    assert not scene.swarm.services
    assert {one["Name"] for one in scene.swarm.networks.values()} == networks
    assert list(scene.swarm.secrets) == [theirs]
    assert not scene.swarm.configs
    assert all(not one["Spec"]["Labels"] for one in scene.swarm.nodes.values())


def test_another_node_runs_no_image_by_the_id_that_it_has_here(scene: Scene) -> None:
    scene.apply(images={"llamacpp": "sha256:a", "sillytavern": "sha256:b"})
    images = {
        name: scene.swarm.service_named(name)["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]
        for name in (BACKEND, PAGE)
    }
    assert images[PAGE] == "sha256:b"
    assert images[BACKEND] != "sha256:a"


@pytest.mark.parametrize("text", ["", None])
def test_without_the_file_nothing_is_started(scene: Scene, text: str | None) -> None:
    scene.folder.remove("stack.yml") if text is None else scene.folder.write("stack.yml", text)
    with pytest.raises(ConfigError, match=r"stack\.yml") as refused:
        scene.apply(action="start")
    assert "stackctl deploy" in refused.value.hint
    assert scene.swarm.asked == []


def test_a_service_that_the_file_lacks_is_refused(scene: Scene) -> None:
    with pytest.raises(ConfigError, match="no service koboldcpp"):
        scene.apply("koboldcpp")


def test_changes_say_what_an_other_file_would_do(scene: Scene) -> None:
    assert [one.action for one in scene.stack.changes("chat", "", scene.text)] == ["create", "create"]
    scene.apply()
    assert scene.stack.changes("chat", scene.text, scene.text) == ()
    other = scene.text.replace("published: 8000", "published: 8011")
    found = scene.stack.changes("chat", scene.text, other)
    assert [(one.service, one.action, one.reason) for one in found] == [("sillytavern", "recreate", "changed: ports")]


def test_logs_name_the_service_and_the_node_of_each_line(scene: Scene) -> None:
    scene.apply()
    node, service = scene.swarm.node_named("gpu1")["ID"], scene.swarm.service_named(BACKEND)["ID"]
    details = f"com.docker.swarm.node.id={node},com.docker.swarm.task.id=t1"
    scene.swarm.logs[service] = [f"{details} model lo".encode(), f"aded\r\n{details} ser".encode(), b"ving"]
    lines: list[str] = []
    code = scene.stack.logs("chat", "llamacpp", lines="all", follow=False, out=lines.append, coloured=False)
    assert (code, lines) == (0, ["llamacpp@gpu1 | model loaded\n", "llamacpp@gpu1 | serving\n"])


# what a start makes of what it sees


def seen(scene: Scene, following: Following, at_s: float = 0.0) -> list[Event]:
    return list(following.take(look("chat", scene.swarm), at_s))


def test_a_task_that_no_node_takes_for_long_ends_the_start_with_swarms_words(scene: Scene) -> None:
    following = Following(look("chat", scene.swarm))
    del scene.swarm.node_named("gpu1")["Spec"]["Labels"][node_label("chat")]
    scene.apply()
    assert not [one for one in seen(scene, following) if isinstance(one, Refused)]
    found = [one for one in seen(scene, following, 10.0) if isinstance(one, Refused)]
    assert [one.why.issue for one in found] == ["swarm-unschedulable"]
    assert "no suitable node (scheduling constraints not satisfied on 2 nodes)" in found[0].why.message


def test_a_node_that_refuses_a_task_is_named_with_its_words(scene: Scene) -> None:
    following = Following(look("chat", scene.swarm))
    scene.swarm.images[scene.swarm.node_named("gpu1")["ID"]] = set()
    scene.apply()
    found = [one for one in seen(scene, following) if isinstance(one, Refused)]
    assert [one.why.issue for one in found] == ["swarm-task-rejected"]
    assert "No such image" in found[0].why.message
    assert "node gpu1" in found[0].why.message


def test_a_container_that_fails_on_another_node_is_seen_with_its_exit_code(scene: Scene) -> None:
    following = Following(look("chat", scene.swarm))
    scene.apply()
    seen(scene, following)
    scene.swarm.becomes(BACKEND, "failed", exit_code=3)
    found = [one.state for one in seen(scene, following) if isinstance(one, Changed) and one.state.state == "exited"]
    assert [(one.name, one.exit_code, one.machine, one.has_failed) for one in found] == [("llamacpp", 3, "gpu1", True)]


def test_an_update_that_swarm_takes_back_is_a_failure_though_what_ran_before_is_healthy(scene: Scene) -> None:
    scene.apply()
    following = Following(look("chat", scene.swarm))
    scene.folder.write("stack.yml", scene.text.replace("published: 8000", "published: 8011"))
    scene.apply()
    label = scene.swarm.service_named(PAGE)["Spec"]["Labels"][apply.ASKED]
    following.expect({"sillytavern": label})
    seen(scene, following)
    scene.swarm.rolls_back(PAGE)
    refused = [one for one in seen(scene, following) if isinstance(one, Refused)]
    assert refused
    assert "Swarm runs what it was before" in refused[0].why.message


def test_what_ran_on_a_node_that_is_down_counts_as_ready_no_longer(scene: Scene) -> None:
    scene.apply()
    scene.swarm.node_named("gpu1")["Status"]["State"] = "down"
    found = scene.stack.states("chat")["llamacpp"]
    assert not found.is_ready
    assert "gpu1 is down" in found.error


def test_a_silent_engine_ends_in_words(scene: Scene) -> None:
    scene.apply()
    scene.swarm.is_silent = True
    with pytest.raises(EngineError, match="stopped answering"):
        scene.stack.states("chat")


def test_the_gateway_of_swarms_bridge_is_found_and_missed_in_words(scene: Scene) -> None:
    assert scene.stack.gateway() == "172.18.0.1"
    scene.swarm.networks.clear()
    with pytest.raises(EngineError, match="docker_gwbridge"):
        scene.stack.gateway()


def test_subnets_of_the_stack_are_its_own(scene: Scene) -> None:
    scene.apply()
    theirs, own = scene.stack.addresses("chat")
    assert len(own) == 2
    assert "172.18.0.0/16" in map(str, theirs)
    assert not {*theirs} & {*own}


def seen_of_backend(scene: Scene, following: Following) -> list[tuple[str, bool, bool]]:
    """Give (state, whether it started, whether it failed) for each change of the backend."""
    changes = [one for one in seen(scene, following) if isinstance(one, Changed) and one.state.name == "llamacpp"]
    return [(one.state.state, one.started, one.state.has_failed) for one in changes]


def test_a_drained_node_or_one_that_went_down_ends_no_start(scene: Scene) -> None:
    scene.apply()
    following = Following(look("chat", scene.swarm))
    scene.swarm.add_node("gpu2", labels={node_label("chat"): "true"})
    scene.swarm.node_named("gpu1")["Spec"]["Availability"] = "drain"
    scene.swarm.becomes(BACKEND, "shutdown")
    assert seen_of_backend(scene, following) == [("created", False, False), ("running", True, False)]
    scene.swarm.node_named("gpu2")["Status"]["State"] = "down"
    assert seen_of_backend(scene, following) == [("created", False, False)]


def test_a_task_that_was_lost_before_is_no_news(scene: Scene) -> None:
    scene.apply()
    scene.swarm.add_node("gpu2", labels={node_label("chat"): "true"})
    scene.swarm.node_named("gpu1")["Status"]["State"] = "down"
    scene.swarm.tasks_of(BACKEND)[0]["DesiredState"] = "shutdown"
    scene.swarm._add_task(scene.swarm.service_named(BACKEND))
    assert scene.stack.states("chat")["llamacpp"].machine == "gpu2"
    assert seen_of_backend(scene, Following(look("chat", scene.swarm))) == []


def test_a_service_that_is_removed_is_seen_by_who_watches(scene: Scene) -> None:
    scene.apply()
    following = Following(look("chat", scene.swarm))
    scene.stack.down("chat", volumes=False)
    assert seen_of_backend(scene, following) == [("created", False, False)]
    assert seen_of_backend(scene, following) == []


def test_a_task_s_log_counts_from_its_beginning_whatever_state_it_has_got_into(scene: Scene) -> None:
    scene.apply()
    began = scene.stack.states("chat")["llamacpp"].started_at
    scene.swarm.tasks_of(BACKEND)[0]["Status"]["Timestamp"] = "2026-11-30T13:00:00Z"
    assert scene.stack.states("chat")["llamacpp"].started_at == began > 0


def test_what_is_watched_from_now_on_gives_no_older_lines(scene: Scene) -> None:
    scene.apply()
    task = scene.swarm.tasks_of(BACKEND)[0]["ID"]
    scene.swarm.logs[task] = [b"a line\n"]
    watch = scene.stack.watch("chat")
    try:
        watch.read_log(replace(scene.stack.states("chat")["llamacpp"], started_at=70.0))
        lines = (one for one in watch.events(time.monotonic() + 30) if isinstance(one, Line))
        assert next(lines) == Line("llamacpp", "a line")
    finally:
        watch.close()
    assert scene.swarm.followed == [(task, 70.0)]


def test_a_stop_does_not_wait_for_a_node_that_is_down(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "_PAUSE_S", 0)
    scene.apply()
    scene.swarm.node_named("gpu1")["Status"]["State"] = "down"
    apply.wait_until_ended([scene.swarm.service_named(BACKEND)["ID"]], scene.swarm)


def test_a_container_that_does_not_end_is_no_stop_that_is_done(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "_PAUSE_S", 0)
    scene.apply()
    with pytest.raises(EngineError, match="still run on gpu1, nas"):
        apply.wait_until_ended(list(scene.swarm.services), scene.swarm)
