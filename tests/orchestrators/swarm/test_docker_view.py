"""The engine as commands see it while Swarm runs the stack: a container's id is right on every node."""

import inspect
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import PurePosixPath
from typing import Any

import pytest
import requests

from stackctl.contracts.gpu_trial import GpuTrial
from stackctl.contracts.request import Request
from stackctl.contracts.service import GpuRequest
from stackctl.core.observed import ProbeResult, ReadSeen, ServiceState
from stackctl.core.smoke.reachability import Attachment
from stackctl.errors import EngineError
from stackctl.orchestrators.swarm.api import Api, Kind
from stackctl.orchestrators.swarm.docker_view import SwarmDocker
from stackctl.ports import Docker
from stackctl.ports.engine import Watch
from stackctl.secret import Secret
from tests.core.samples import engine as an_engine
from tests.fakes import FakeDocker, FakeWatch

# a method that takes a container, a state, or a stack's name must think of a task on another node. These need not:
ASKED_OF_THIS_NODE = {
    "claim": "a lock of this node's stackctl runs",
    "facts": "the engine's own facts include Swarm's services, tasks and nodes",
    "make_networks": "Compose's own networks alone are made so",
    "published": "SillyTavern's host-mode port is on this node, and is known by its label",
    "read_so_far": "None for a container that is not here",
    "refuse_foreign": "the engine knows the folders of Swarm's services",
    "remove_container": "one that a killed stackctl left here",
    "run_by": "the engine knows the labels of both",
    "service": "a container of the user's that is adopted",
}
LABELS = {
    "com.docker.stack.namespace": "chat",
    "stackctl.folder": "/srv/chat",
    "stackctl.service": "llamacpp",
    "stackctl.content": "abc",
}
THERE = ServiceState(name="llamacpp", container="c1", state="running", health="healthy", machine="gpu1")
HERE = ServiceState(name="sillytavern", container="c2", state="running", health="healthy")
NETWORK = {"Spec": {"Name": "chat_inner", "Internal": True}}


class Played(Api):
    """A manager's answers."""

    def __init__(self, log: Iterator[bytes] | None = None) -> None:
        self.read = log or iter(())
        self.asked: list[str] = []

    @property
    def info(self) -> Mapping[str, Any]:
        return {"Swarm": {"NodeID": "n1"}}

    def container(self, container_id: str) -> ServiceState | None:
        return HERE if container_id == "c2" else None

    def list(self, kind: Kind, **filters: str) -> "list[dict[str, Any]]":
        if kind == "networks":
            own = {"Name": "chat_inner", "IPAM": {"Config": [{"Subnet": "10.9.0.0/24"}, {"Subnet": "fd00::/64"}]}}
            return [own] if filters == {"label": "com.docker.stack.namespace=chat"} else []
        if kind == "services":
            other = {**LABELS, "stackctl.service": "sillytavern"}
            return [
                {"ID": "s1", "Spec": {"Name": "chat_llamacpp", "Labels": LABELS}},
                {"ID": "s2", "Spec": {"Name": "chat_sillytavern", "Labels": other}},
            ]
        return [
            {
                "ID": "t1", "ServiceID": "s1", "NodeID": "n2", "Status": {"ContainerStatus": {"ContainerID": "c1"}},
                "NetworksAttachments": [{"Network": NETWORK, "Addresses": ["10.9.0.5/24"]}],
            },
            {"ID": "t2", "ServiceID": "s2", "NodeID": "n1", "Status": {"ContainerStatus": {"ContainerID": "c2"}}},
            {"ID": "t3", "ServiceID": "s1", "Status": {}},
        ]  # fmt: skip

    def one(self, kind: Kind, name: str) -> dict[str, Any] | None:
        return next((one for one in self.list(kind) if one["ID"] == name), None)

    def follow_log(self, kind: str, name: str, **how: Any) -> Generator[bytes]:
        self.asked.append(f"log of {kind} {name}, tail {how['tail']}, since {how['since']}")
        yield from self.read


class Ran:
    """What the orchestrator was asked."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def states(self, name: str) -> dict[str, ServiceState]:
        return {"llamacpp": THERE} if name == "chat" else {}

    def watch(self, name: str) -> Watch:
        self.done.append(f"watch {name}")
        return FakeWatch()

    def stop(self, name: str, service: str | None) -> None:
        self.done.append(f"stop {name} {service}")

    def down(self, name: str, *, volumes: bool) -> None:
        self.done.append(f"down {name} {volumes}")


class Nodes:
    """The last look at the nodes."""

    def __init__(self, *, has_gpu: bool = True) -> None:
        self.has_gpu = has_gpu

    def offers_gpu(self) -> bool:
        return self.has_gpu

    def trial(self, request: GpuRequest) -> GpuTrial:
        return GpuTrial(drivers=(request.driver,), unseen="seen on the nodes")


def view(here: FakeDocker | None = None, api: Played | None = None, *, has_gpu: bool = True) -> tuple[SwarmDocker, Ran]:
    ran = Ran()
    return SwarmDocker(here or FakeDocker(), api or Played(), ran, Nodes(has_gpu=has_gpu)), ran


def methods() -> dict[str, Any]:
    return {name: one for name, one in vars(Docker).items() if not name.startswith("_") and callable(one)}


def test_it_is_the_port_docker() -> None:
    found: Docker = view()[0]
    assert all(hasattr(found, name) for name in methods())


@pytest.mark.parametrize("name", methods())
def test_what_takes_a_container_or_a_stacks_name_thinks_of_other_nodes(name: str) -> None:
    """A method that is passed on as it is has the inner name of the passing."""
    takes = inspect.signature(methods()[name]).parameters.keys() & {"project", "container", "container_id", "state"}
    is_passed_on = vars(SwarmDocker)[name].__code__.co_name == "asked"
    assert (bool(takes) and is_passed_on) == (name in ASKED_OF_THIS_NODE)


def test_what_is_passed_on_reaches_this_nodes_engine_with_its_arguments() -> None:
    here = FakeDocker(published_=({}, {8000}), reads=iter([ReadSeen(size=5)]))
    found, _ = view(here)
    assert found.published("chat") == ({}, {8000})
    assert found.read_so_far("c2") == ReadSeen(size=5)
    found.remove_container("left")
    assert here.asked == ["remove container left"]


def test_a_stacks_containers_are_those_of_its_services_tasks() -> None:
    found, _ = view()
    backend, page = found.containers("chat")
    assert (backend.id, backend.service, backend.folder, backend.config_hash) == ("c1", "llamacpp", "/srv/chat", "abc")
    assert (page.id, page.service) == ("s2", "sillytavern")  # it has no task: the service itself


@pytest.mark.parametrize("wanted", ["c1", "t1", "t3", "s1"], ids=["container", "task", "no container yet", "service"])
def test_a_tasks_container_is_stopped_by_its_service_which_would_start_it_again(wanted: str) -> None:
    here = FakeDocker()
    found, ran = view(here)
    found.stop(wanted, 10)
    assert ran.done == ["stop chat llamacpp"]
    assert here.asked == []


def test_a_container_that_is_of_no_task_is_stopped_by_this_nodes_engine() -> None:
    here = FakeDocker()
    found, ran = view(here)
    found.stop("other", 10)
    assert (ran.done, here.asked) == ([], ["stop other"])


def test_the_log_of_a_task_on_another_node_comes_from_the_manager() -> None:
    api = Played(iter([b"one\ntwo\nth", b"ree\nfour"]))
    found, _ = view(api=api)
    assert found.tail(replace(THERE, started_at=7.0), lines=3) == ("two", "three", "four")
    assert api.asked == ["log of tasks t1, tail 3, since 7.0"]


def test_that_of_one_on_this_node_comes_from_its_engine() -> None:
    api = Played()
    found, _ = view(FakeDocker(logs={"sillytavern": ("listening",)}), api)
    assert found.tail(HERE) == ("listening",)
    assert api.asked == []


def test_a_log_without_an_end_is_cut() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 100_000 + b"\n"

    found, _ = view(api=Played(endless()))
    lines = found.tail(THERE, lines=5)
    assert len(lines) == 5
    assert max(map(len, lines)) <= 16 << 10


def test_a_log_that_breaks_off_shows_what_came() -> None:
    def breaks() -> Iterator[bytes]:
        yield b"loading\n"
        raise requests.ConnectionError("the node is gone")

    found, _ = view(api=Played(breaks()))
    assert found.tail(THERE) == ("loading",)


def test_the_networks_of_a_task_on_another_node_are_those_that_the_manager_gave_it() -> None:
    found, _ = view()
    place = Attachment(network="chat_inner", address="10.9.0.5", is_internal=True, is_isolated=True)
    assert found.attached("c1").networks == (place,)
    assert found.attached("c1").published == ()


def test_the_overlay_of_the_stack_is_its_own_network() -> None:
    nets = (IPv4Network("172.17.0.0/16"), IPv4Network("10.9.0.0/24"))
    found, _ = view(FakeDocker(subnets_=(nets, ())))
    assert found.subnets("chat") == ((nets[0],), (nets[1],))
    assert found.subnets("other") == (nets, ())


@pytest.mark.parametrize(("has_gpu", "expected"), [(True, ("runc", "nvidia")), (False, ("runc",))])
def test_nvidias_runtime_counts_where_the_nodes_have_it_not_here(has_gpu: bool, expected: tuple[str, ...]) -> None:
    here = ("runc",) if has_gpu else ("runc", "nvidia")
    seen = replace(an_engine(), runtimes=here, cdi_devices=("nvidia.com/gpu=0",))
    found, _ = view(FakeDocker(seen=seen), has_gpu=has_gpu)
    assert found.look((), ()).runtimes == expected
    assert found.look((), ()).cdi_devices == ()
    assert found.cdi() is None


def test_a_gpu_is_tried_by_the_look_at_the_nodes() -> None:
    found, _ = view()
    request = GpuRequest(make="nvidia", driver="nvidia")
    assert found.try_gpu("image", request, None).unseen == "seen on the nodes"


class Late(FakeDocker):
    """An engine that attaches to an overlay at the second try."""

    words = (
        "no container could ask the backend: attaching to network failed, make sure your network options are correct"
    )
    tries = 0

    def ask(self, *args: Any, **more: Any) -> tuple[ProbeResult, ...]:
        del args, more
        self.tries += 1
        if self.tries == 1:
            raise EngineError(self.words, hint="look")
        return (ProbeResult(url="http://llamacpp:8080"),)


def test_an_overlay_that_is_not_ready_yet_is_tried_once_more() -> None:
    late = Late()
    found, _ = view(late)
    asked: tuple[str, str, tuple[str, ...], tuple[Request, ...], Secret | None] = ("i", "chat_inner", (), (), None)
    assert found.ask(*asked)[0].url == "http://llamacpp:8080"
    other = Late()
    other.words = "no container could ask the backend: no such image"
    with pytest.raises(EngineError):
        view(other)[0].ask(*asked)
    assert (late.tries, other.tries) == (2, 1)


def test_a_stack_is_watched_and_removed_by_its_orchestrator_and_its_data_stays() -> None:
    found, ran = view()
    found.watch("chat")
    found.remove("chat")
    assert found.remove_cut_off("chat") == ()
    assert found.states("chat") == {"llamacpp": THERE}
    assert ran.done == ["watch chat", "down chat False"]


def test_the_owner_of_a_name_is_asked_of_the_engine_with_its_folder() -> None:
    found, _ = view(FakeDocker(foreign=frozenset({"chat"})))
    with pytest.raises(Exception, match="another's"):
        found.refuse_foreign("chat", PurePosixPath("/srv/chat"))
