"""compose.yml as text: the same as in tests/golden, valid for Compose, and right in words."""

import importlib.resources
import json
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import pytest
import yaml

from stackctl.backends import BACKENDS
from stackctl.core.config.lock import Lock
from stackctl.core.observed import EngineSeen, HostIdentity, ServerSeen
from stackctl.core.plan import external_backend
from stackctl.core.plan.plan import plan
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError, GpuError
from stackctl.orchestrators.compose.render import MARKER, parse, render
from stackctl.orchestrators.rendering import literal
from stackctl.secret import Secret
from tests.backends.answers import tried
from tests.core.samples import (
    ARC_A770,
    CDI,
    GPU,
    KEY,
    PASSWORD,
    RADEON_780M,
    RX_7900_XTX,
    a_plan,
    backend_of,
    engine,
    model_file,
    seen,
    template,
    wanted,
)
from tests.core.samples import model as a_model

GOLDEN = Path(__file__).parents[2] / "golden"
GPUS = {
    "cpu": {"mode": "none"},
    "nvidia": {"mode": "nvidia"},
    "cdi": {"mode": "cdi", "devices": ("0",)},
    "rocm": {"mode": "rocm"},
    "vulkan": {"mode": "vulkan", "devices": ("1",)},
}
# the GPUs of the machine, where they are of other makes; those with memory of their own are counted first
MACHINES = {"rocm": (RX_7900_XTX, RADEON_780M), "vulkan": (RADEON_780M, RX_7900_XTX, ARC_A770)}
BY_FILES = {
    "rocm": (["/dev/kfd", "/dev/dri/renderD128"], ["992"]),
    "vulkan": (["/dev/dri/renderD129"], ["993"]),
}
# what no official image is known for
UNKNOWN = {("koboldcpp", "rocm"), ("text-generation-webui", "vulkan")}
ENGINES = {
    "engine28": engine((28, 5, 2), (2, 40, 3), nvidia_runtime=True, cdi_devices=CDI),
    "engine20": engine((20, 10, 26), (2, 20, 2), nvidia_runtime=True),
    "noengine": None,
}
# an engine of 2022 knows no CDI: plan() refuses it, see below
WAYS = [(backend, gpu) for backend in BACKENDS for gpu in GPUS if (backend, gpu) not in UNKNOWN]
CASES = [(b, g, e) for b, g in WAYS for e in ENGINES if (g, e) != ("cdi", "engine20")]
IDS = ["-".join(case) for case in CASES]
# what an engine before 25 or 28, or one that is not known, does not get
NEWER = (
    "start_interval:",
    "# without an address of this machine",
    "driver_opts:",
    "com.docker.network.bridge.gateway_mode_",
)
MODEL = a_model(
    model_file("Tiny $1 '[v2]' \u00fc-00001-of-00002.gguf", host="/srv/models/blobs/0a1b", size=3 << 30),
    model_file("Tiny $1 '[v2]' \u00fc-00002-of-00002.gguf", host="/srv/models/blobs/2c3d", size=3 << 30),
)


def case_plan(backend: str, gpu: str, on: EngineSeen | None) -> Plan:
    spec = wanted(
        name="chat",
        backend={"kind": backend, "kv_cache": "q8_0", "extra_args": ("--seed", "1")},
        gpu=GPUS[gpu],
        limits={"backend_memory": "16 GiB", "backend_cpus": 4},
    )
    return a_plan(spec, seen(of=MODEL, on=on, gpus=MACHINES.get(gpu, (GPU,))))


EXTERNAL = {"external-host": "http://host.docker.internal:5001", "external-lan": "http://192.168.1.20:5001"}


def elsewhere_plan(url: str) -> Plan:
    """A stack whose backend is a KoboldCpp that answers there."""
    server = ServerSeen(around=HostIdentity(), tried=(tried(url, "koboldcpp"),))
    world = replace(seen(of=external_backend.external_model(server), on=ENGINES["engine28"]), server=server)
    return plan(wanted(name="chat", backend={"kind": "external", "url": url}), world, Lock()).plan


INTERFACES = {"eth0": ("192.168.1.5/24", "fd00:1::5/64", "fe80::1/64"), "docker0": ("172.17.0.1/16",)}


def lan_plan() -> Plan:
    """A stack that the LAN may use."""
    world = replace(seen(on=ENGINES["engine28"]), interfaces=INTERFACES, password=PASSWORD)
    return a_plan(wanted(name="chat", sillytavern={"expose": "lan"}), world)


def proxy_plan() -> Plan:
    """A stack behind a reverse proxy."""
    world = replace(seen(on=ENGINES["engine28"]), interfaces=INTERFACES, password=PASSWORD, proxy="172.30.0.9")
    about = {"network": "caddy", "container": "caddy-1", "hosts": ("chat.example.org",), "labels": ("a.b=$x: 1",)}
    return a_plan(wanted(name="chat", sillytavern={"proxy": about}), world)


@cache
def case_text(backend: str, gpu: str, on: str) -> str:
    return render(case_plan(backend, gpu, ENGINES[on]), template)


@cache
def compose_schema() -> jsonschema.protocols.Validator:
    place = importlib.resources.files("check_jsonschema.builtin_schemas.vendor")
    schema: dict[str, Any] = json.loads((place / "compose-spec.json").read_text(encoding="utf-8"))
    return jsonschema.validators.validator_for(schema)(schema)


def assert_golden(text: str, name: str, request: pytest.FixtureRequest) -> None:
    path = GOLDEN / f"{name}.yml"
    if request.config.getoption("--update-goldens"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "look at the difference, then: pytest --update-goldens"


@pytest.fixture(params=CASES, ids=IDS)
def case(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    found: tuple[str, str, str] = request.param
    return found


@pytest.fixture
def text(case: tuple[str, str, str]) -> str:
    return case_text(*case)


@cache
def as_compose_reads_it(text: str) -> dict[str, Any]:
    found: dict[str, Any] = literal(parse(text))
    return found


@pytest.fixture
def stack(text: str) -> dict[str, Any]:
    return as_compose_reads_it(text)


@pytest.fixture
def backend(case: tuple[str, str, str], stack: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = stack["services"][case[0]]
    return found


@pytest.fixture
def tavern(stack: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = stack["services"]["sillytavern"]
    return found


# -- sameness


def test_an_entrypoint_that_is_not_the_images_own_says_why(text: str) -> None:
    lines = text.splitlines()
    above = [lines[number - 1].strip() for number, line in enumerate(lines) if line.startswith("    entrypoint:")]
    assert above
    assert all(line.startswith("# ") for line in above)


@pytest.mark.parametrize(("kind", "gpu"), WAYS)
def test_the_text_on_an_engine_of_today_is_the_golden_one(kind: str, gpu: str, request: pytest.FixtureRequest) -> None:
    assert_golden(case_text(kind, gpu, "engine28"), f"{kind}-{gpu}", request)


@pytest.mark.parametrize("case", [case for case in CASES if case[2] != "engine28"], ids="-".join)
def test_an_older_engine_or_none_is_asked_more_often_for_want_of_a_start_interval_and_gets_nothing_that_it_refuses(
    case: tuple[str, str, str],
) -> None:
    today = [line for line in case_text(*case[:2], "engine28").splitlines() if not line.strip().startswith(NEWER)]
    assert [line.replace('  interval: "10s"', '  interval: "5s"') for line in today] == case_text(*case).splitlines()


def test_the_text_for_a_lan_is_the_golden_one(request: pytest.FixtureRequest) -> None:
    text = render(lan_plan(), template)
    assert_golden(text, "lan", request)
    compose_schema().validate(parse(text))
    page = parse(text)["services"]["sillytavern"]
    assert page["ports"] == ["127.0.0.1:8000:8000", "192.168.1.5:8000:8000", "[fd00:1::5]:8000:8000"]
    assert page["environment"]["SILLYTAVERN_BASICAUTHMODE"] == "true"
    assert PASSWORD.reveal() not in text


def test_the_text_behind_a_proxy_is_the_golden_one(request: pytest.FixtureRequest) -> None:
    text = render(proxy_plan(), template)
    assert_golden(text, "proxy", request)
    compose_schema().validate(parse(text))
    got = as_compose_reads_it(text)
    page = got["services"]["sillytavern"]
    assert "ports" not in page
    assert page["networks"] == ["inner", "edge", "proxy"]
    assert got["networks"]["proxy"] == {"name": "caddy", "external": True}
    assert page["labels"]["a.b"] == "$x: 1"
    told = page["environment"]
    assert json.loads(told["SILLYTAVERN_WHITELIST"]) == ["127.0.0.1", "::1", "172.30.0.9", "192.168.1.0/24"]
    assert json.loads(told["SILLYTAVERN_HOSTWHITELIST_HOSTS"]) == ["chat.example.org"]
    assert told["SILLYTAVERN_FORWARDEDHEADERS_XREALIP"] == "false"
    assert PASSWORD.reveal() not in text


@pytest.mark.parametrize(("name", "url"), EXTERNAL.items())
def test_the_text_for_a_backend_elsewhere_is_the_golden_one(
    name: str, url: str, request: pytest.FixtureRequest
) -> None:
    text = render(elsewhere_plan(url), template)
    assert_golden(text, name, request)
    compose_schema().validate(as_compose_reads_it(text))


def test_there_is_no_golden_without_a_case() -> None:
    assert {path.stem for path in GOLDEN.glob("*.yml")} == {*map("-".join, WAYS), *EXTERNAL, "lan", "proxy"}


def test_two_renderings_are_equal_byte_for_byte(case: tuple[str, str, str], text: str) -> None:
    backend, gpu, on = case
    assert render(case_plan(backend, gpu, ENGINES[on]), template).encode() == text.encode()


# -- sense


def test_the_compose_schema_accepts_it(stack: dict[str, Any]) -> None:
    compose_schema().validate(stack)


def test_it_begins_with_our_marker_and_ends_with_one_line_end(text: str) -> None:
    assert text.startswith(MARKER)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert all(line == line.rstrip() for line in text.splitlines())


def test_it_has_these_parts_and_no_others(case: tuple[str, str, str], stack: dict[str, Any]) -> None:
    assert set(stack) == {"name", "services", "networks"}
    assert list(stack["services"]) == [case[0], "sillytavern"]
    assert list(stack["networks"]) == ["inner", "edge"]
    assert stack["name"] == "chat"


# what Compose 2.20 or engine 20.10 refuse, or what is silently nothing in some runtime
NEVER = {
    "gpus", "configs", "secrets", "env_file", "runtime", "device_cgroup_rules", "privileged", "network_mode", "extends",
    "develop", "pull_policy", "extra_hosts", "container_name", "annotations", "post_start", "devices", "provider",
}  # fmt: skip


def test_no_service_uses_what_some_engine_or_compose_refuses(case: tuple[str, str, str], stack: dict[str, Any]) -> None:
    for service in stack["services"].values():
        assert set(service) & NEVER == (
            {"devices"} if case[1] in BY_FILES and service["networks"] == ["inner"] else set()
        )
        assert all(isinstance(one, str) for one in service.get("ports", []))
        assert isinstance(service["networks"], list)
        assert all(set(condition) == {"condition"} for condition in service.get("depends_on", {}).values())
        assert set(service["healthcheck"]) <= {
            "test", "interval", "timeout", "retries", "start_period", "start_interval",
        }  # fmt: skip
        for mount in service["volumes"]:
            assert set(mount) <= {"type", "source", "target", "read_only", "bind"}
            assert set(mount["bind"]) == {"create_host_path"}


def test_every_service_is_hardened(stack: dict[str, Any]) -> None:
    for service in stack["services"].values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert set(service.get("cap_add", [])) <= {"DAC_READ_SEARCH"}


def test_only_a_backend_whose_image_insists_on_root_keeps_one_capability(
    case: tuple[str, str, str], backend: dict[str, Any], tavern: dict[str, Any]
) -> None:
    insists = BACKENDS[case[0]].RUNS_AS_ROOT
    assert backend.get("cap_add", []) == (["DAC_READ_SEARCH"] if insists else [])
    assert backend.get("user") == (None if insists else "1000:1000")
    assert "cap_add" not in tavern
    assert tavern["user"] == "1000:1000"


def test_the_root_file_system_is_read_only_where_the_program_allows(
    case: tuple[str, str, str], backend: dict[str, Any], tavern: dict[str, Any]
) -> None:
    assert backend.get("read_only", False) == BACKENDS[case[0]].READ_ONLY_ROOT
    assert tavern["read_only"] is True


def test_every_service_restarts_is_reaped_and_logs_with_a_limit(stack: dict[str, Any]) -> None:
    for service in stack["services"].values():
        assert service["restart"] == "unless-stopped"
        assert service["init"] is True
        assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}
        assert service["stop_grace_period"] == "10s"


def test_every_service_has_a_health_check(
    case: tuple[str, str, str], backend: dict[str, Any], tavern: dict[str, Any]
) -> None:
    nodes = {"nvidia": ("/dev/nvidiactl",), "cdi": ("/dev/nvidiactl",), "rocm": ("/dev/kfd",)}
    files = nodes.get(case[1], ())  # it must be able to open what its GPU needs
    assert backend["healthcheck"]["test"] == list(BACKENDS[case[0]].health(files))
    assert tavern["healthcheck"]["test"][:2] == ["CMD", "sh"]
    patience = [int(service["healthcheck"]["timeout"].removesuffix("s")) for service in (tavern, backend)]
    assert patience[0] > patience[1]  # SillyTavern waits for the CPU on which its backend computes
    for service in (backend, tavern):
        assert int(service["healthcheck"]["start_period"].removesuffix("s")) >= 60


def test_a_start_interval_is_asked_only_of_engine_25_and_newer(
    case: tuple[str, str, str], stack: dict[str, Any]
) -> None:
    for service in stack["services"].values():
        assert ("start_interval" in service["healthcheck"]) == (case[2] == "engine28")


def test_every_model_file_is_mounted_read_only_and_never_made(
    case: tuple[str, str, str], backend: dict[str, Any]
) -> None:
    mounts = {mount["source"]: mount for mount in backend["volumes"]}
    for file in MODEL.files:
        assert mounts[str(file.host)] == {
            "type": "bind",
            "source": str(file.host),
            "target": str(BACKENDS[case[0]].MODEL_DIR / file.name),
            "read_only": True,
            "bind": {"create_host_path": False},
        }
    assert all(mount["read_only"] is True for mount in backend["volumes"])


def test_no_mount_is_made_by_the_engine(tavern: dict[str, Any], backend: dict[str, Any]) -> None:
    for mount in (*tavern["volumes"], *backend["volumes"]):
        assert mount["type"] == "bind"
        assert mount["bind"] == {"create_host_path": False}


def test_the_backend_is_on_the_inner_network_only_and_publishes_nothing(backend: dict[str, Any]) -> None:
    assert backend["networks"] == ["inner"]
    assert {"ports", "expose"} & set(backend) == set()


def test_sillytavern_is_on_both_networks_and_published_on_loopback_only(tavern: dict[str, Any]) -> None:
    assert tavern["networks"] == ["inner", "edge"]
    assert tavern["ports"] == ["127.0.0.1:8000:8000"]


def test_the_inner_network_has_no_way_out_and_both_have_fixed_subnets(stack: dict[str, Any]) -> None:
    inner, edge = stack["networks"]["inner"], stack["networks"]["edge"]
    assert inner["internal"] is True
    assert "internal" not in edge
    for network in (inner, edge):
        assert [set(one) for one in network["ipam"]["config"]] == [{"subnet", "gateway"}]


def test_from_engine_28_on_no_address_of_the_machine_is_in_the_inner_network(
    case: tuple[str, str, str], stack: dict[str, Any]
) -> None:
    """An older engine refuses the option, and which one comes is not known without one."""
    modes = {f"com.docker.network.bridge.gateway_mode_ipv{family}": "isolated" for family in (4, 6)}
    assert stack["networks"]["inner"].get("driver_opts") == (modes if case[2] == "engine28" else None)
    assert "driver_opts" not in stack["networks"]["edge"]


def test_the_whitelist_is_loopback_and_the_edge_gateway_as_json(stack: dict[str, Any], tavern: dict[str, Any]) -> None:
    gateway = stack["networks"]["edge"]["ipam"]["config"][0]["gateway"]
    assert json.loads(tavern["environment"]["SILLYTAVERN_WHITELIST"]) == ["127.0.0.1", "::1", gateway]
    assert {"SILLYTAVERN_WHITELISTMODE", "PUID"} & set(tavern["environment"]) == set()


def test_the_whitelist_of_hosts_is_on_whatever_the_stack(tavern: dict[str, Any]) -> None:
    assert tavern["environment"]["SILLYTAVERN_HOSTWHITELIST_ENABLED"] == "true"
    assert json.loads(tavern["environment"]["SILLYTAVERN_HOSTWHITELIST_HOSTS"]) == []
    for planned in (lan_plan(), proxy_plan(), elsewhere_plan(EXTERNAL["external-lan"])):
        page = as_compose_reads_it(render(planned, template))["services"]["sillytavern"]
        assert page["environment"]["SILLYTAVERN_HOSTWHITELIST_ENABLED"] == "true"


def test_sillytavern_waits_for_a_healthy_backend(
    case: tuple[str, str, str], tavern: dict[str, Any], backend: dict[str, Any]
) -> None:
    assert tavern["depends_on"] == {case[0]: {"condition": "service_healthy"}}
    assert "depends_on" not in backend


def test_the_gpu_is_reserved_by_driver_and_only_where_wanted(
    case: tuple[str, str, str], backend: dict[str, Any], tavern: dict[str, Any]
) -> None:
    expected = {
        "cpu": None,
        "nvidia": {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]},
        "cdi": {"driver": "cdi", "device_ids": ["nvidia.com/gpu=0"], "capabilities": ["gpu"]},
    }.get(case[1])
    devices = backend["deploy"]["resources"]["reservations"]["devices"] if "deploy" in backend else [None]
    assert devices == [expected]
    assert "deploy" not in tavern


def test_a_gpu_of_amd_or_intel_is_device_files_with_the_number_of_their_group_and_no_more(
    case: tuple[str, str, str], backend: dict[str, Any], tavern: dict[str, Any]
) -> None:
    """ROCm takes the separate GPU of two; Vulkan the second of those that it counts, and not AMD's device files."""
    files, groups = BY_FILES.get(case[1], (None, None))
    assert (backend.get("devices"), backend.get("group_add")) == (files, groups)
    assert {"devices", "group_add"} & set(tavern) == set()
    assert not any(name.endswith(("_VISIBLE_DEVICES", "GFX_VERSION")) for name in backend.get("environment", ()))


@pytest.mark.parametrize(
    ("kind", "gpu", "image", "words"),
    [
        ("llamacpp", "rocm", "ghcr.io/ggml-org/llama.cpp:server-rocm-b11277@sha256:0689618b", ""),
        ("llamacpp", "vulkan", "ghcr.io/ggml-org/llama.cpp:server-vulkan", ""),
        ("koboldcpp", "vulkan", "koboldai/koboldcpp:latest", "--usevulkan --gpulayers -1"),
        ("text-generation-webui", "rocm", "atinoda/text-generation-webui:default-rocm", ""),
    ],
)
def test_a_backend_for_another_make_has_the_image_and_the_words_for_it(
    kind: str, gpu: str, image: str, words: str
) -> None:
    service = as_compose_reads_it(case_text(kind, gpu, "engine28"))["services"][kind]
    assert service["image"].startswith(image)
    assert words in " ".join(service.get("command", []))


@pytest.mark.parametrize(("kind", "gpu"), sorted(UNKNOWN))
def test_a_backend_without_an_image_for_a_make_names_one_that_has_it(kind: str, gpu: str) -> None:
    with pytest.raises(ConfigError, match=rf"no image of .* for this GPU \({gpu}\)") as caught:
        case_plan(kind, gpu, None)
    assert '`backend.kind` to "llamacpp" or ' in caught.value.hint


def test_limits_are_written_as_compose_reads_them(backend: dict[str, Any], tavern: dict[str, Any]) -> None:
    assert (backend["mem_limit"], backend["cpus"]) == ("16384m", 4.0)
    assert {"mem_limit", "cpus"} & set(tavern) == set()


def test_every_service_has_a_limit_of_processes(backend: dict[str, Any], tavern: dict[str, Any]) -> None:
    assert (backend["pids_limit"], tavern["pids_limit"]) == (4096, 1024)
    assert "limits" not in backend.get("deploy", {"resources": {}})["resources"]  # which Compose would want to agree


def test_a_program_that_unpacks_itself_finds_an_executable_tmp(
    case: tuple[str, str, str], backend: dict[str, Any]
) -> None:
    unpacks = bool(BACKENDS[case[0]].PROGRAMS)
    (tmp,) = [one for one in backend["tmpfs"] if one.startswith("/tmp:")]
    assert ("exec" in tmp.removeprefix("/tmp:").split(",")) == unpacks


def test_every_image_carries_a_tag_and_unverified_ones_are_marked(text: str, stack: dict[str, Any]) -> None:
    lines = text.splitlines()
    for service in stack["services"].values():
        assert ":" in service["image"].rsplit("/", 1)[-1]
        (at,) = [i for i, line in enumerate(lines) if line.strip() == f"image: {json.dumps(service['image'])}"]
        builds = [one.BUILDS.get(one.build_of(service["image"], "")) for one in BACKENDS.values()]
        tried = any(build and build.is_tried for build in builds)
        assert ("unverified" in lines[at - 1]) == (not tried and "sillytavern" not in service["image"])


def test_the_words_of_the_command_arrive_as_planned(case: tuple[str, str, str], backend: dict[str, Any]) -> None:
    service = backend_of(case_plan(case[0], case[1], ENGINES[case[2]]))
    assert tuple(backend.get("command", [])) == service.command
    assert tuple(backend.get("entrypoint", [])) == service.entrypoint


def test_a_service_is_recreated_when_its_files_change() -> None:
    one, other = (
        parse(render(a_plan(wanted(), seen(of=a_model(model_file(size=size)))), template)) for size in (1000, 2000)
    )
    assert one["services"]["llamacpp"]["labels"] != other["services"]["llamacpp"]["labels"]
    assert one["services"]["sillytavern"] == other["services"]["sillytavern"]


@pytest.mark.parametrize("kind", BACKENDS)
def test_a_new_key_recreates_the_backend_alone_and_no_key_stands_in_the_file(kind: str) -> None:
    spec = wanted(backend={"kind": kind})
    plans = [a_plan(spec, replace(seen(), key=key)) for key in (KEY, Secret("n" * 43))]
    texts = [render(plan, template) for plan in plans]
    one, other = (parse(text)["services"] for text in texts)
    assert one[plans[0].backend]["labels"] != other[plans[0].backend]["labels"]
    assert one["sillytavern"] == other["sillytavern"]
    assert not any(key.reveal() in text for key in (KEY, Secret("n" * 43)) for text in texts)


def test_cdi_on_an_engine_that_knows_none_never_reaches_a_file() -> None:
    with pytest.raises(GpuError):
        case_plan("llamacpp", "cdi", ENGINES["engine20"])


# -- paths for Portainer and the like


def test_paths_are_absolute_on_request_and_nothing_else_changes() -> None:
    planned = a_plan(wanted(backend={"kind": "textgen"}))
    near = render(planned, template)
    far = render(planned, template, folder=PurePosixPath("/volume1/docker/a b"))
    assert "/volume1/docker/a b/sillytavern/config" in far
    assert far.replace('"/volume1/docker/a b/', '"./') == near


# -- reading back


@pytest.mark.parametrize(
    "text",
    ["a: 1\na: 2\n", "a: {b: 1, b: 2}\n", "x:\n  - {k: 1, 'k': 2}\n", 'a: 1\n"a": 2\n', "a:\n  b: 1\n  c: 2\n  b: 3\n"],
)
def test_a_key_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="twice"):
        parse(text)


@pytest.mark.parametrize("text", ["", "- a\n", "a"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)


@pytest.mark.parametrize("text", ["a: [", "a: !!python/object:os.system {}", "a: \x00", "a: b: c"])
def test_broken_or_hostile_yaml_is_no_python_object_and_no_bug(text: str) -> None:
    with pytest.raises((ConfigError, yaml.YAMLError)):
        parse(text)


def test_literal_undoes_what_compose_undoes() -> None:
    assert literal({"a$$": ["$$1", 2, {"b": "$$$$"}], "c": None}) == {"a$": ["$1", 2, {"b": "$$"}], "c": None}
