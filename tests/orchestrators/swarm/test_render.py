"""stack.yml as text: the same as in tests/golden/swarm, and right in words."""

import json
from pathlib import Path
from typing import Any

import pytest

from stackctl.backends import BACKENDS
from stackctl.core.model import demo_model
from stackctl.orchestrators.swarm.render import node_files
from stackctl.orchestrators.swarm.service_spec import content_hash
from tests.core.samples import KEY, PASSWORD, backend_of, engine
from tests.orchestrators.swarm.cases import (
    CASES,
    GATEWAY,
    MODEL,
    as_docker_reads_it,
    backend_plan,
    case_text,
    text_of,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "swarm"
# what `docker stack deploy` refuses, ignores with a line, or drops without a word
NEVER = {
    "mem_limit", "cpus", "pids_limit", "group_add", "pull_policy", "depends_on", "security_opt", "restart", "devices",
    "shm_size", "userns_mode", "cgroup_parent", "tmpfs", "container_name", "extra_hosts", "privileged", "network_mode",
}  # fmt: skip


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def stack(case: str) -> dict[str, Any]:
    return as_docker_reads_it(case_text(case))


@pytest.fixture
def page(stack: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = stack["services"]["sillytavern"]
    return found


@pytest.fixture
def backend(stack: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(one for name, one in stack["services"].items() if name != "sillytavern")
    return found


def test_the_text_is_the_golden_one(case: str, request: pytest.FixtureRequest) -> None:
    path = GOLDEN / f"{case}.yml"
    if request.config.getoption("--update-goldens"):
        path.write_text(case_text(case), encoding="utf-8")
    assert case_text(case) == path.read_text(encoding="utf-8"), "look at the difference, then: pytest --update-goldens"


def test_there_is_no_golden_without_a_case() -> None:
    assert {path.stem for path in GOLDEN.glob("*")} == set(CASES)


def test_two_renderings_are_equal_byte_for_byte(case: str) -> None:
    assert text_of(CASES[case]()) == case_text(case)


def test_it_ends_with_one_line_end_and_no_line_with_a_space(case: str) -> None:
    text = case_text(case)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert all(line == line.rstrip() for line in text.splitlines())
    assert max(len(line) for line in text.splitlines() if line.lstrip().startswith("#")) <= 120


def test_it_says_what_dockers_own_command_leaves_out(case: str) -> None:
    text = case_text(case)
    head = text.split("\n\n", 1)[0]
    assert (
        "`docker stack deploy -c stack.yml NAME` applies it, too, but leaves out all that stands under x-stackctl"
        in (head.replace("\n# ", " "))
    )
    assert text.count("# `docker stack deploy` leaves this out, `stackctl deploy` applies it") == 2


def test_no_service_has_what_swarm_drops_or_refuses(stack: dict[str, Any]) -> None:
    assert set(stack) <= {"services", "networks", "secrets", "configs", "volumes"}
    for service in stack["services"].values():
        assert not NEVER & set(service)
        for mount in service.get("volumes", []):
            assert "bind" not in mount
            assert mount["type"] != "tmpfs" or set(mount["tmpfs"]) == {"size"}


def test_no_secret_is_in_the_text(case: str) -> None:
    plan, text = CASES[case](), case_text(case)
    assert plan.files
    for secret in (KEY, PASSWORD, *plan.files.values()):
        assert secret.reveal().strip() not in text


def test_the_key_is_a_secret_at_its_path_that_only_the_backends_user_may_read(
    case: str, stack: dict[str, Any], backend: dict[str, Any]
) -> None:
    plan = CASES[case]()
    user = backend_of(plan).user_inside or backend_of(plan).user
    names = {name: content_hash(text.reveal().encode()) for name, text in plan.files.items()}
    secrets = {about["file"].removeprefix("./"): about["name"] for about in stack["secrets"].values()}
    assert names.keys() == secrets.keys()
    assert all(secrets[name].startswith("chat_") and secrets[name].endswith(names[name]) for name in names)
    for use in backend["secrets"]:
        assert (use["uid"], use["gid"]) == ((str(user.uid), str(user.gid)) if user else ("0", "0"))
        assert use["mode"] == 0o400
        assert use["target"] in {mount.target for mount in backend_of(plan).mounts}
    assert not {mount.get("source") for mount in backend.get("volumes", [])} & {f"./{name}" for name in names}
    assert "secrets" not in stack["services"]["sillytavern"]


def test_a_new_key_is_another_secret() -> None:
    plan = CASES["llamacpp-cpu"]()
    names = {about["name"] for about in as_docker_reads_it(text_of(plan))["secrets"].values()}
    other = backend_plan("llamacpp", "none", name="other")
    assert not names & {about["name"] for about in as_docker_reads_it(text_of(other))["secrets"].values()}


def test_every_service_has_a_health_check_and_is_hardened(stack: dict[str, Any]) -> None:
    for service in stack["services"].values():
        assert service["healthcheck"]["test"][0] == "CMD"
        assert int(service["healthcheck"]["start_period"].removesuffix("s")) >= 60
        assert service["healthcheck"]["start_interval"] == "1s"
        assert service["cap_drop"] == ["ALL"]
        assert service["x-stackctl"]["no_new_privileges"] is True
        assert service["init"] is True
        assert service["stop_grace_period"] == "10s"
        assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}


def test_an_engine_before_25_gets_no_start_interval() -> None:
    old = as_docker_reads_it(text_of(backend_plan("llamacpp", "none", engine((24, 0, 9)))))
    for service in old["services"].values():
        assert "start_interval" not in service["healthcheck"]
        assert service["healthcheck"]["interval"] == "5s"


def test_one_task_replaces_the_other_and_comes_back_if_the_new_one_fails(stack: dict[str, Any]) -> None:
    for service in stack["services"].values():
        deploy = service["deploy"]
        assert deploy["replicas"] == 1
        assert deploy["endpoint_mode"] == "dnsrr"
        assert deploy["restart_policy"] == {"condition": "any", "delay": "1s"}
        assert deploy["update_config"] == {"order": "stop-first", "failure_action": "rollback", "monitor": "20s"}
        assert deploy["resources"]["limits"]["pids"] > 0


def test_sillytavern_stays_on_the_node_with_its_data_and_the_backend_goes_where_it_can_run(
    page: dict[str, Any], backend: dict[str, Any]
) -> None:
    assert page["deploy"]["placement"] == {"constraints": ["node.labels.stackctl.chat.data == true"]}
    assert backend["deploy"]["placement"] == {"constraints": ["node.labels.stackctl.chat.backend == true"]}


def test_sillytaverns_folders_are_absolute_and_its_memory_folders_in_long_form(page: dict[str, Any]) -> None:
    binds = [mount for mount in page["volumes"] if mount["type"] == "bind"]
    assert all(mount["source"].startswith("/srv/chat/sillytavern/") for mount in binds)
    assert {mount["target"] for mount in page["volumes"] if mount["type"] == "tmpfs"} >= {"/tmp"}
    assert page["read_only"] is True


def test_the_backend_is_on_the_inner_network_alone_and_publishes_nothing(
    stack: dict[str, Any], backend: dict[str, Any]
) -> None:
    assert backend["networks"] == ["inner"]
    assert "ports" not in backend
    inner = stack["networks"]["inner"]
    assert (inner["driver"], inner["internal"], inner["attachable"]) == ("overlay", True, True)
    assert [set(one) for one in inner["ipam"]["config"]] == [{"subnet"}]


def test_sillytavern_is_published_once_on_its_node_and_never_by_the_mesh(case: str, page: dict[str, Any]) -> None:
    if case == "proxy":
        assert "ports" not in page
    else:
        assert page["ports"] == [{"target": 8000, "published": 8000, "mode": "host"}]


def test_the_whitelist_is_loopback_the_gateway_of_its_node_and_the_lan_with_a_password(
    case: str, page: dict[str, Any]
) -> None:
    told = page["environment"]
    expected = ["127.0.0.1", "::1", "10.0.9.9" if case == "proxy" else GATEWAY, "192.168.1.0/24"]
    assert json.loads(told["SILLYTAVERN_WHITELIST"]) == expected
    assert told["SILLYTAVERN_BASICAUTHMODE"] == "true"


def test_behind_a_proxy_it_joins_the_proxys_network_and_has_its_labels() -> None:
    stack = as_docker_reads_it(case_text("proxy"))
    page = stack["services"]["sillytavern"]
    assert page["networks"] == ["inner", "edge", "proxy"]
    assert stack["networks"]["proxy"] == {"name": "caddy", "external": True}
    assert page["labels"]["a.b"] == page["deploy"]["labels"]["a.b"] == "$x: 1"


def test_both_labels_name_the_stacks_folder_and_the_service(stack: dict[str, Any]) -> None:
    for name, service in stack["services"].items():
        for labels in (service["labels"], service["deploy"]["labels"]):
            assert labels["stackctl.service"] == name
            assert labels["stackctl.folder"] == "/srv/chat"


def test_the_models_files_are_mounted_read_only_from_where_they_lie_here() -> None:
    backend = as_docker_reads_it(case_text("llamacpp-nvidia"))["services"]["llamacpp"]
    mounts = {mount["source"]: mount for mount in backend["volumes"] if mount["type"] == "bind"}
    for file in MODEL.files:
        assert mounts[str(file.host)]["read_only"] is True
        assert mounts[str(file.host)]["target"] == str(BACKENDS["llamacpp"].MODEL_DIR / file.name)


@pytest.mark.parametrize("kind", BACKENDS)
def test_in_another_folder_of_the_nodes_the_files_have_the_models_own_names(kind: str) -> None:
    plan = backend_plan(kind, "nvidia")
    backend = as_docker_reads_it(text_of(plan, models="/mnt/models"))["services"][kind]
    sources = {mount["source"] for mount in backend["volumes"] if mount["type"] == "bind"}
    assert {f"/mnt/models/{file.name}" for file in MODEL.files} <= sources
    assert not {source for source in sources if source.startswith("/srv/models")}


def test_what_a_node_needs_is_what_is_mounted_and_not_carried() -> None:
    from stackctl.core.config.swarm_spec import Swarm
    from stackctl.orchestrators.swarm.cluster import Cluster

    plan = backend_plan("koboldcpp", "nvidia")
    needed = node_files(plan, backend_of(plan), Cluster(settings=Swarm(models="/mnt/models")))
    models = {f"/mnt/models/{file.name}": str(file.host) for file in MODEL.files}
    program = {"/var/lib/stackctl/koboldcpp-1/koboldcpp-linux-x64": "/var/lib/stackctl/koboldcpp-1/koboldcpp-linux-x64"}
    assert needed == {**models, **program}


def test_the_built_in_model_is_a_config_so_that_no_node_needs_a_file() -> None:
    stack = as_docker_reads_it(case_text("lan"))
    backend = stack["services"]["llamacpp"]
    (config,) = stack["configs"].values()
    assert config["name"].endswith(f"_{content_hash(demo_model.gguf_bytes())}")
    (use,) = backend["configs"]
    assert use["target"].endswith(demo_model.FILE_NAME)
    assert use["mode"] == 0o444
    assert not [mount for mount in backend.get("volumes", []) if mount["type"] == "bind"]


def test_koboldcpps_unpacking_folder_is_a_volume_and_in_memory_through_stackctl() -> None:
    stack = as_docker_reads_it(case_text("koboldcpp-nvidia"))
    backend = stack["services"]["koboldcpp"]
    assert {"type": "volume", "source": "koboldcpp-tmp", "target": "/tmp"} in backend["volumes"]
    assert stack["volumes"] == {"koboldcpp-tmp": {}}
    assert backend["x-stackctl"]["executable_tmpfs"] == {"/tmp": 2 << 30}


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith("nvidia")])
def test_a_gpu_is_reserved_as_a_generic_resource_and_named_to_nvidias_runtime(name: str) -> None:
    stack = as_docker_reads_it(case_text(name))
    backend = stack["services"][name.removesuffix("-nvidia")]
    reserved = backend["deploy"]["resources"]["reservations"]["generic_resources"]
    assert reserved == [{"discrete_resource_spec": {"kind": "NVIDIA-GPU", "value": 1}}]
    assert backend["environment"]["NVIDIA_VISIBLE_DEVICES"] == "all"
    assert "reservations" not in stack["services"]["sillytavern"]["deploy"]["resources"]


def test_without_a_resource_only_the_node_is_chosen() -> None:
    stack = as_docker_reads_it(text_of(backend_plan("llamacpp", "nvidia"), kind=""))
    assert "reservations" not in stack["services"]["llamacpp"]["deploy"]["resources"]


def test_limits_of_memory_and_cpus_stand_under_deploy() -> None:
    limits = as_docker_reads_it(case_text("llamacpp-cpu"))["services"]["llamacpp"]["deploy"]["resources"]["limits"]
    assert limits["memory"] == "16384M"
    assert limits["cpus"] == "4.0"
