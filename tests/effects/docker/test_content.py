"""What an engine's answers say of containers and images, and what a report takes of them."""

from types import SimpleNamespace
from typing import Any

from stackctl.core.tavern import container as tavern
from stackctl.core.uninstall.content import projects
from stackctl.effects.docker.content import content
from stackctl.effects.docker.facts import facts

LABELS = {"com.docker.compose.project": "mine", "com.docker.compose.project.working_dir": "/srv/mine"}
SECRET = "planted-s3cret"


def engine(**answers: Any) -> SimpleNamespace:
    """An engine that answers so, and with nothing else."""
    silent: dict[str, Any] = {
        "containers": [],
        "images": [],
        "networks": [],
        "volumes": {"Volumes": None},
        "info": {},
        "version": {},
        **answers,
    }
    api = SimpleNamespace(**{name: lambda found=found, **_: found for name, found in silent.items()})
    api.inspect_container = lambda _: answers["inspected"]
    return SimpleNamespace(client=SimpleNamespace(api=api), info=answers.get("about", {}))


def test_our_sillytavern_is_told_from_another_by_its_entrypoint() -> None:
    command = " ".join(tavern.entrypoint("http://x/y", "", 10, "koboldcpp"))
    rows = [
        {"Id": "1", "Names": ["/a"], "ImageID": "i", "State": "running", "Labels": LABELS, "Command": command},
        {"Id": "2", "Names": None, "ImageID": "i", "State": "exited", "Labels": None, "Command": None},
    ]
    ours, other = content(engine(containers=rows)).containers
    assert (ours.name, ours.project, ours.folder, ours.is_marked) == ("a", "mine", "/srv/mine", True)
    assert (other.name, other.project, other.folder, other.is_marked) == ("2", "", "", False)


def test_an_image_without_names_has_none() -> None:
    rows = [{"Id": "1", "RepoTags": ["<none>:<none>"], "RepoDigests": None, "Size": 5}]
    (found,) = content(engine(images=rows)).images
    assert (found.tags, found.digests, found.size) == ((), (), 5)


def test_a_report_takes_neither_environment_nor_command_nor_labels_of_a_container_and_no_proxy_of_the_engine() -> None:
    inspected = {
        "Name": "/a",
        "Config": {"Env": [f"KEY={SECRET}"], "Cmd": [SECRET], "Labels": {"x": SECRET}, "Image": "i"},
        "State": {"Status": "running", "Health": {"Log": [{"Output": SECRET}]}},
        "HostConfig": {"LogConfig": {"Type": "json-file", "Config": {"url": SECRET}}},
    }
    info = {"HttpProxy": f"http://me:{SECRET}@proxy", "Labels": [SECRET], "ServerVersion": "29.1", "Name": "tower"}
    found = facts(engine(containers=[{"Id": "1"}], inspected=inspected, info=info), "mine")
    assert SECRET not in str(found)
    assert "tower" not in str(found)
    assert found["info"]["ServerVersion"] == "29.1"
    assert found["containers"][0]["state"]["Status"] == "running"


MANAGER = {"Swarm": {"LocalNodeState": "active", "ControlAvailable": True, "NodeID": "n1", "Nodes": 2, "Managers": 1}}
OWN = {"com.docker.stack.namespace": "chat", "stackctl.folder": "/srv/chat", "stackctl.service": "llamacpp"}
NODES = [
    {
        "ID": "n1",
        "Spec": {"Role": "manager", "Labels": {"stackctl.chat.data": "true", "owner": SECRET}},
        "Description": {"Hostname": "tower"},
    },
    {
        "ID": "n2",
        "Spec": {"Role": "worker"},
        "Description": {
            "Hostname": "cellar",
            "Resources": {"GenericResources": [{"NamedResourceSpec": {"Kind": "NVIDIA-GPU", "Value": SECRET}}]},
        },
    },
]


def a_swarm(**answers: Any) -> SimpleNamespace:
    service = {
        "ID": "s1",
        "Spec": {
            "Name": "chat_llamacpp",
            "Labels": OWN,
            "TaskTemplate": {
                "ContainerSpec": {"Image": "i", "Env": [f"KEY={SECRET}"], "Command": [SECRET], "Args": [SECRET]}
            },
        },
    }
    task = {
        "ServiceID": "s1",
        "NodeID": "n2",
        "DesiredState": "running",
        "Status": {"State": "rejected", "Err": "cellar has no such image: i"},
    }
    played = {
        "about": MANAGER, "nodes": NODES, "services": [service], "tasks": [task], "secrets": [{"ID": SECRET}],
        "configs": [], "inspect_node": NODES[0], **answers,
    }  # fmt: skip
    found = engine(**played)
    found.client.api.inspect_node = lambda _: NODES[0]
    return found


def test_a_report_of_a_stack_in_swarm_has_its_tasks_and_their_errors_and_names_no_host_and_no_secret() -> None:
    found = facts(a_swarm(), "chat")
    assert not [word for word in (SECRET, "tower", "cellar") if word in str(found)]
    swarm = found["swarm"]
    assert swarm["tasks"][0]["error"] == "node 2 has no such image: i"
    assert swarm["tasks"][0]["service"] == "chat_llamacpp"
    assert swarm["nodes"][0]["labels"] == ["stackctl.chat.data"]
    assert swarm["nodes"][1]["resources"] == ["NVIDIA-GPU"]
    assert (swarm["secrets"], swarm["configs"]) == (1, 0)


def test_without_a_swarm_a_report_says_nothing_of_one() -> None:
    assert "swarm" not in facts(engine(), "chat")
    assert "swarm" not in facts(engine(about={"Swarm": {"LocalNodeState": "inactive"}}), "chat")


def test_a_worker_is_asked_for_nothing_that_a_manager_alone_knows() -> None:
    worker = {"Swarm": {"LocalNodeState": "active", "ControlAvailable": False}}
    assert facts(engine(about=worker), "chat")["swarm"]["is_manager"] is False


def test_a_stack_in_swarm_is_here_if_its_data_is_whether_or_not_it_has_containers() -> None:
    labels = {**OWN, "com.docker.swarm.task.id": "t"}
    rows = [{"Id": "1", "Names": ["/chat_llamacpp.1.t"], "ImageID": "i", "State": "running", "Labels": labels}]
    stopped, running = content(a_swarm()), content(a_swarm(containers=rows))
    assert stopped.stacks == running.stacks == (("chat", "/srv/chat"),)
    assert projects(stopped) == projects(running) == (("chat", "/srv/chat"),)
    assert (running.containers[0].project, running.containers[0].folder) == ("chat", "/srv/chat")


def test_the_containers_of_a_stack_whose_data_is_elsewhere_belong_to_none() -> None:
    rows = [{"Id": "1", "Names": ["/other_llamacpp.1.t"], "Labels": {**OWN, "com.docker.stack.namespace": "other"}}]
    assert content(a_swarm(containers=rows)).containers[0].project == ""
