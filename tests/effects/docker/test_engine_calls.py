"""What the engine is asked for a stack, and what its answers mean (its SDK is played)."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest

from stackctl.effects.docker import cleanup
from stackctl.effects.docker.engine import Engine
from stackctl.errors import ConfigError, EngineError

PROJECT, FOLDER = "com.docker.compose.project", "com.docker.compose.project.working_dir"


class Played(Engine):
    """An engine whose SDK is this one."""

    def __init__(self, api: Any = None, containers: Iterable[Any] = ()) -> None:
        listed = list(containers)
        self._client = SimpleNamespace(api=api or SimpleNamespace(containers=lambda **_: listed), info=dict)

    @property
    def client(self) -> Any:
        return self._client


def test_a_project_of_that_name_in_another_folder_is_refused_with_its_place(tmp_path: Path) -> None:
    here, there = PurePosixPath(tmp_path / "here"), tmp_path / "there"
    engine = Played(containers=[{"Id": "x", "Labels": {FOLDER: str(there)}}])
    with pytest.raises(ConfigError, match=f"the name 'chat' belongs to the stack in {there}") as caught:
        engine.refuse_foreign("chat", here)
    assert "stackctl deploy --name NAME" in caught.value.hint


def test_one_in_this_folder_by_whatever_link_is_our_own(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to("here")
    labels = [{FOLDER: str(tmp_path / "here")}, {FOLDER: str(tmp_path / "link")}, {}]
    engine = Played(containers=[{"Id": "x", "Labels": one} for one in labels])
    engine.refuse_foreign("chat", PurePosixPath(tmp_path / "here"))


def test_a_port_is_held_by_the_container_that_publishes_it_and_our_own_are_told_apart() -> None:
    listed = [
        {"Labels": {PROJECT: "chat"}, "Names": ["/chat-sillytavern-1"], "Ports": [{"PublicPort": 8000}]},
        {"Labels": {PROJECT: "web"}, "Names": ["/web-1"], "Ports": [{"PublicPort": 80}, {"PrivatePort": 9000}]},
        {"Names": ["/other"], "Ports": [{"PublicPort": 443}]},
    ]
    engine = Played(SimpleNamespace(containers=lambda: listed))
    assert engine.published("chat") == ({80: "container web-1", 443: "container other"}, {8000})


def test_the_port_of_a_task_in_swarm_is_its_stacks_own() -> None:
    """As `docker ps` lists one that is published in host mode."""
    labels = {"com.docker.stack.namespace": "chat"}
    listed = [{"Labels": labels, "Names": ["/chat_sillytavern.1.x"], "Ports": [{"PublicPort": 8000}]}]
    engine = Played(SimpleNamespace(containers=lambda: listed))
    assert engine.published("chat") == ({}, {8000})
    assert engine.published("other") == ({8000: "container chat_sillytavern.1.x"}, set())


@pytest.mark.parametrize(
    "error",
    [
        docker.errors.NotFound("404 Client Error", explanation="No such container: c"),
        docker.errors.APIError(
            "500 Server Error", explanation="no container with ID c found in database: no such container"
        ),
    ],
    ids=["docker", "podman"],
)
def test_a_container_that_has_gone_has_no_state(error: docker.errors.APIError) -> None:
    def inspect(_: str) -> None:
        raise error

    assert Played(SimpleNamespace(inspect_container=inspect)).state("c") is None


def test_another_failure_to_look_at_one_is_an_error() -> None:
    def inspect(_: str) -> None:
        raise docker.errors.APIError("500 Server Error", explanation="database is locked")

    with pytest.raises(EngineError, match="docker inspect failed: database is locked"):
        Played(SimpleNamespace(inspect_container=inspect)).state("c")


def inspected(*, log: list[dict[str, Any]] | None, is_running: bool = True) -> dict[str, Any]:
    health = {} if log is None else {"Health": {"Status": "unhealthy", "Log": log}}
    state = {"Status": "running", "Running": is_running, "ExitCode": 0, "OOMKilled": False, "Pid": 7}
    state["StartedAt"] = "0001"
    return {
        "Id": "c",
        "Name": "/c",
        "Config": {"Labels": {}, "Image": "image:1"},
        "State": {**state, **health},
        "RestartCount": 0,
        "HostConfig": {},
    }


@pytest.mark.parametrize(
    ("found", "output"),
    [
        (inspected(log=[{"ExitCode": 0, "Output": "a"}, {"ExitCode": 1, "Output": "b" * 5000}]), "b" * 1000),
        (inspected(log=[{"ExitCode": 1, "Output": "a"}, {"ExitCode": 0, "Output": "b"}]), ""),
        (inspected(log=[{"ExitCode": 1}]), ""),
        (inspected(log=[]), ""),
        (inspected(log=None), ""),
        (inspected(log=[{"ExitCode": 1, "Output": "a"}], is_running=False), ""),
    ],
    ids=["long", "passed", "silent", "none-yet", "no-check", "ended"],
)
def test_the_output_of_a_health_check_is_kept_if_it_failed_last(found: dict[str, Any], output: str) -> None:
    state = Played(SimpleNamespace(inspect_container=lambda _: found)).state("c")
    assert state
    assert state.health_output == output


class NetworkApi:
    """The SDK's calls for containers that hang in networks."""

    def __init__(self, *containers: dict[str, Any]) -> None:
        self._containers, self.removed = containers, list[str]()

    def networks(self) -> list[dict[str, Any]]:
        return [{"Id": "here"}, {"Id": "anew"}]

    def containers(self, **_: Any) -> list[dict[str, Any]]:
        return list(self._containers)

    def remove_container(self, container: str, *, v: bool) -> None:
        assert v
        self.removed.append(container)


def hanging(service: str, state: str, *networks: str) -> dict[str, Any]:
    places = {f"n{i}": {"NetworkID": one} for i, one in enumerate(networks)}
    labels = {"com.docker.compose.service": service}
    return {"Id": f"id-{service}", "State": state, "Labels": labels, "NetworkSettings": {"Networks": places}}


def test_a_stopped_container_whose_network_is_gone_is_removed_and_no_other() -> None:
    api = NetworkApi(
        hanging("cut", "exited", "here", "gone"),
        hanging("runs", "running", "gone"),
        hanging("well", "exited", "here", "anew"),
        hanging("never-started", "created", ""),
    )
    assert cleanup.remove_cut_off(Played(api), "chat") == ("cut",)
    assert api.removed == ["id-cut"]
