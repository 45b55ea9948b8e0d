"""stack.yml as the Engine's API takes it; a file that a person edited is applied whole, or refused with the place."""

import base64
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import pytest

from stackctl.core.model import demo_model
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError
from stackctl.orchestrators.swarm.render import parse
from stackctl.orchestrators.swarm.service_spec import Wanted, convert
from tests.core.samples import FOLDER, KEY
from tests.orchestrators.swarm.cases import CASES, case_text

LABEL = {"com.docker.stack.namespace": "chat"}


def reader(plan: Plan) -> Callable[[str], bytes]:
    def read(path: str) -> bytes:
        name = path.removeprefix("./")
        return plan.files[name].reveal().encode() if name in plan.files else demo_model.gguf_bytes()

    return read


def converted(case: str, *, tmpfs_options: bool = True) -> Wanted:
    read = reader(CASES[case]())
    return convert("chat", parse(case_text(case)), read, folder=FOLDER, tmpfs_options=tmpfs_options)


def container(case: str, name: str, *, tmpfs_options: bool = True) -> dict[str, Any]:
    found = converted(case, tmpfs_options=tmpfs_options).services[name]["TaskTemplate"]["ContainerSpec"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("case", CASES)
def test_every_golden_file_is_applied_whole(case: str) -> None:
    wanted = converted(case)
    assert set(wanted.networks) == {"chat_inner_overlay", "chat_edge_overlay"}
    for name, body in wanted.services.items():
        assert body["Name"] == f"chat_{name}"
        assert body["Labels"].items() >= LABEL.items()
        made = body["TaskTemplate"]["ContainerSpec"]
        assert made["Labels"].items() >= LABEL.items()
        assert made["Privileges"] == {"NoNewPrivileges": True}
        assert made["CapabilityDrop"] == ["ALL"]
        assert made["Init"] is True
        assert body["EndpointSpec"]["Mode"] == "dnsrr"


def test_a_secret_is_sent_with_its_content_and_used_with_its_user_and_mode() -> None:
    wanted = converted("llamacpp-cpu")
    ((name, body),) = wanted.secrets.items()
    assert base64.b64decode(body["Data"]).decode().strip() == KEY.reveal()
    assert (body["Name"], body["Labels"]) == (name, LABEL)
    (use,) = container("llamacpp-cpu", "llamacpp")["Secrets"]
    assert use == {
        "File": {"Name": "/opt/stackctl/api-key", "UID": "1000", "GID": "1000", "Mode": 0o400},
        "SecretName": name,
    }


def test_the_built_in_model_is_sent_as_a_config() -> None:
    ((name, body),) = converted("lan").configs.items()
    assert base64.b64decode(body["Data"]) == demo_model.gguf_bytes()
    (use,) = container("lan", "llamacpp")["Configs"]
    assert use["ConfigName"] == name
    assert use["File"]["Mode"] == 0o444


def test_a_file_that_is_not_what_its_name_was_made_of_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"\./backend/api-key is not what stack.yml was written for"):
        convert("chat", parse(case_text("llamacpp-cpu")), lambda _: b"other", folder=FOLDER, tmpfs_options=True)


def test_a_check_reads_no_file() -> None:
    assert convert("chat", parse(case_text("lan")), None, folder=FOLDER, tmpfs_options=True).services


def test_the_port_is_opened_on_its_node_and_not_by_the_mesh() -> None:
    services = converted("lan").services
    port = {"Protocol": "tcp", "TargetPort": 8000, "PublishedPort": 8000, "PublishMode": "host"}
    assert services["sillytavern"]["EndpointSpec"]["Ports"] == [port]
    assert "Ports" not in services["llamacpp"]["EndpointSpec"]


def test_a_gpu_a_limit_and_the_node_are_as_the_file_says() -> None:
    template = converted("llamacpp-nvidia").services["llamacpp"]["TaskTemplate"]
    assert template["Resources"] == {
        "Limits": {"Pids": 4096, "MemoryBytes": 16 << 30, "NanoCPUs": 4 * 10**9},
        "Reservations": {"GenericResources": [{"DiscreteResourceSpec": {"Kind": "NVIDIA-GPU", "Value": 1}}]},
    }
    assert template["Placement"] == {"Constraints": ["node.labels.stackctl.chat.backend == true"]}


def test_koboldcpp_unpacks_in_memory_where_the_engine_can_and_else_in_its_volume() -> None:
    in_memory = {"Type": "tmpfs", "Target": "/tmp", "TmpfsOptions": {"SizeBytes": 2 << 30, "Options": [["exec"]]}}
    assert in_memory in container("koboldcpp-nvidia", "koboldcpp")["Mounts"]
    volume = {
        "Type": "volume",
        "Source": "chat_koboldcpp-tmp",
        "Target": "/tmp",
        "VolumeOptions": {"Labels": LABEL},
    }
    assert volume in container("koboldcpp-nvidia", "koboldcpp", tmpfs_options=False)["Mounts"]
    assert converted("koboldcpp-nvidia").volumes == ("chat_koboldcpp-tmp",)


def test_a_relative_path_counts_from_the_stacks_folder() -> None:
    stack = parse(case_text("llamacpp-cpu"))
    stack["services"]["sillytavern"]["volumes"][0]["source"] = "./sillytavern/config"
    made = convert("chat", stack, None, folder=PurePosixPath("/mnt/x"), tmpfs_options=True)
    mounts = made.services["sillytavern"]["TaskTemplate"]["ContainerSpec"]["Mounts"]
    assert mounts[0]["Source"] == "/mnt/x/sillytavern/config"


def test_doubled_dollars_are_one_dollar_for_the_program() -> None:
    mounts = container("llamacpp-cpu", "llamacpp")["Mounts"]
    assert any(one["Target"] == "/models/Tiny $1 '[v2]' \u00fc-00001-of-00002.gguf" for one in mounts)


def test_a_proxys_network_is_joined_and_not_made() -> None:
    wanted = converted("proxy")
    joined = [one["Target"] for one in wanted.services["sillytavern"]["TaskTemplate"]["Networks"]]
    assert joined == ["chat_inner_overlay", "chat_edge_overlay", "caddy"]
    assert "caddy" not in wanted.networks


# -- what a person may write into the file


def put(value: Any, *path: str | int) -> dict[str, Any]:
    """The file with one more value, at a place that may be new; ... for a key that is removed."""
    stack = parse(case_text("lan"))
    at: Any = stack
    for key in path[:-1]:
        at = at[key]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return stack


PAGE = ("services", "sillytavern")
EDITED: list[tuple[tuple[Any, ...], str]] = [
    (("3.9", "version"), "stack.yml has version, which stackctl does not apply"),
    (([], *PAGE, "dns"), "has services.sillytavern.dns, which"),
    ((True, *PAGE, "privileged"), "has services.sillytavern.privileged, which"),
    ((2, *PAGE, "deploy", "update_config", "parallelism"), "deploy.update_config.parallelism, which"),
    (({"disable": True}, *PAGE, "healthcheck"), "healthcheck.disable, which"),
    (({"x": 1}, *PAGE, "x-stackctl"), "services.sillytavern.x-stackctl.x, which"),
    (({"create_host_path": True}, *PAGE, "volumes", 0, "bind"), "services.sillytavern.volumes.0.bind, which"),
    (("udp", *PAGE, "ports", 0, "protocol"), "services.sillytavern.ports.0.protocol, which"),
    (("ingress", *PAGE, "ports", 0, "mode"), "'ingress' must be host"),
    (("8000", *PAGE, "ports", 0, "published"), "'8000' must be a whole number from 1 on"),
    ((["8000:8000"], *PAGE, "ports"), "services.sillytavern.ports.0 = '8000:8000' must be a table"),
    ((2, *PAGE, "deploy", "replicas"), "services.sillytavern.deploy.replicas = 2 must be 0 or 1"),
    (("vip", *PAGE, "deploy", "endpoint_mode"), "'vip' must be dnsrr"),
    (("start-first", *PAGE, "deploy", "update_config", "order"), "must be stop-first"),
    (("soon", *PAGE, "deploy", "restart_policy", "delay"), "'soon' must be a time such as 30s"),
    (("much", *PAGE, "deploy", "resources", "limits", "memory"), "'much' must be a size such as 512M"),
    (("yes", *PAGE, "read_only"), "services.sillytavern.read_only = 'yes' must be true or false"),
    (("node", *PAGE, "entrypoint"), "services.sillytavern.entrypoint = 'node' must be a list"),
    ((["A=b"], *PAGE, "environment"), "services.sillytavern.environment = ['A=b'] must be a table"),
    ((None, *PAGE, "environment", "A"), "services.sillytavern.environment.A = None must be a text"),
    (("${HOME}/x", *PAGE, "volumes", 0, "source"), "names a variable"),
    (("${TAG}", *PAGE, "image"), "'${TAG}' names a variable"),
    ((["outside"], *PAGE, "networks"), "uses outside, which is not among its networks"),
    (([{"type": "volume", "source": "x", "target": "/x"}], *PAGE, "volumes"), "uses x, which is not among its volumes"),
    (([{"type": "tmpfs", "target": "/x"}], *PAGE, "volumes"), "the mount at /x lacks its tmpfs"),
    (([{"type": "bind", "target": "/x"}], *PAGE, "volumes"), "the mount at /x lacks its source"),
    (({"executable_tmpfs": {"/x": 1}}, *PAGE, "x-stackctl"), "executable_tmpfs /x is no volume of the service"),
    ((..., *PAGE, "image"), "stack.yml lacks services.sillytavern.image"),
    ((..., *PAGE, "deploy"), "stack.yml lacks services.sillytavern.deploy"),
    ((..., *PAGE, "deploy", "placement"), "stack.yml lacks services.sillytavern.deploy.placement"),
    ((..., *PAGE, "healthcheck", "interval"), "stack.yml lacks services.sillytavern.healthcheck.interval"),
    ((..., "services"), "stack.yml lacks services"),
    (({}, "services"), "services = {} must have at least 1"),
    ((..., "networks"), "uses inner, which is not among its networks"),
    ((None, *PAGE), "services.sillytavern = None must be a table"),
    ((None, "networks", "inner"), "networks.inner = None must be a table"),
    (("bridge", "networks", "inner", "driver"), "'bridge' must be overlay"),
    ((..., "networks", "inner", "driver"), "the network inner needs a driver"),
    ((True, "secrets", "api-key", "external"), "has secrets.api-key.external, which"),
    ((1, "services"), "services = 1 must be a table"),
    (({1: {}}, "services"), "services = 1 is a key that is no text"),
]


@pytest.mark.parametrize(("edit", "says"), EDITED, ids=[one[1] for one in EDITED])
def test_an_edit_that_is_not_applied_as_it_stands_is_refused_with_its_place(edit: tuple[Any, ...], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        convert("chat", put(*edit), None, folder=FOLDER, tmpfs_options=True)
    assert says in caught.value.message
    assert caught.value.message.startswith("stack.yml")
    assert "`stackctl deploy`" in caught.value.hint


def test_an_edit_that_is_understood_is_applied() -> None:
    more = put("1 GB", *PAGE, "deploy", "resources", "limits", "memory")
    more["services"]["sillytavern"]["environment"]["NODE_OPTIONS"] = "--max-old-space-size=4096"
    more["services"]["sillytavern"]["stop_grace_period"] = "1m30s"
    more["services"]["sillytavern"]["deploy"]["replicas"] = 0
    body = convert("chat", more, None, folder=FOLDER, tmpfs_options=True).services["sillytavern"]
    assert body["TaskTemplate"]["Resources"]["Limits"]["MemoryBytes"] == 1 << 30
    assert "NODE_OPTIONS=--max-old-space-size=4096" in body["TaskTemplate"]["ContainerSpec"]["Env"]
    assert body["TaskTemplate"]["ContainerSpec"]["StopGracePeriod"] == 90 * 10**9
    assert body["Mode"] == {"Replicated": {"Replicas": 0}}


def test_a_long_value_does_not_fill_the_message() -> None:
    with pytest.raises(ConfigError) as caught:
        convert("chat", put("x" * 5000, *PAGE, "read_only"), None, folder=FOLDER, tmpfs_options=True)
    assert len(caught.value.message) < 300


def test_sillytaverns_connections_end_soon_after_a_node_is_gone_and_those_of_others_as_ever() -> None:
    services = converted("lan").services
    found = {name: one["TaskTemplate"]["ContainerSpec"].get("Sysctls") for name, one in services.items()}
    assert found == {"llamacpp": None, "sillytavern": {"net.ipv4.tcp_retries2": "5", "net.ipv4.tcp_syn_retries": "2"}}
