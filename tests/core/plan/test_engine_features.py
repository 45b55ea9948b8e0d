"""What an engine differs in comes from one value: rootless engines, Podman, and Docker as it was before."""

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from stackctl.backends import BACKENDS, textgen
from stackctl.contracts.host import Owner
from stackctl.core.plan import engine_features
from stackctl.core.plan.plan import Planned
from stackctl.errors import EngineError, ModelError
from tests.core.samples import GPU, OWNER, decided, engine, model, model_file, rendered, seen, wanted

SOMEBODY = Owner(uid=1001, gid=1001)
ROOTLESS = replace(engine(), is_rootless=True, user=OWNER)
PODMAN = replace(engine((5, 8, 6)), product="Podman Engine")


def services(text: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return found


def scratch(text: str) -> list[str]:
    return [folder for service in services(text).values() for folder in service["tmpfs"]]


# -- which engine it is


@pytest.mark.parametrize(
    ("components", "product"),
    [
        (["Engine", "containerd", "runc", "docker-init"], "Docker Engine"),
        (["Podman Engine", "Conmon", "OCI Runtime (crun)"], "Podman Engine"),
        (["Balena Engine"], "Docker Engine"),
        ([], "Docker Engine"),
    ],
)
def test_an_engine_is_known_by_what_it_consists_of(components: list[str], product: str) -> None:
    assert engine_features.find_product(components) == product


@pytest.mark.parametrize(
    ("product", "version", "says"),
    [
        ("Podman Engine", (4, 9, 3), "Podman 4.9.3 is too old; 5 or newer is needed"),
        ("Docker Engine", (19, 3, 15), "Docker Engine 19.3.15 is too old; 20.10 or newer is needed"),
    ],
)
def test_an_engine_that_is_too_old_is_refused_by_its_own_name(
    product: str, version: tuple[int, ...], says: str
) -> None:
    with pytest.raises(EngineError) as caught:
        engine_features.refuse_old(product, version, ".".join(map(str, version)))
    assert (caught.value.message, caught.value.exit_code) == (says, 4)
    assert ("podman.io" in caught.value.hint) == (product == "Podman Engine")


@pytest.mark.parametrize(("product", "version"), [("Podman Engine", (5, 0, 0)), ("Docker Engine", (20, 10, 0))])
def test_the_oldest_that_is_supported_is_taken(product: str, version: tuple[int, ...]) -> None:
    engine_features.refuse_old(product, version, "")


def test_for_docker_run_by_root_nothing_is_said_and_an_older_compose_yml_stays() -> None:
    assert engine_features.notes(engine()) == engine_features.notes(None) == ()
    assert engine_features.distinctions(engine()) == ()


@pytest.mark.parametrize("other", [ROOTLESS, PODMAN], ids=["rootless", "podman"])
def test_another_kind_of_engine_is_another_input(other: Any) -> None:
    assert (
        decided(None, seen(on=other)).inputs != decided(None, seen(on=replace(engine(), version=other.version))).inputs
    )


@pytest.mark.parametrize(
    ("on", "command"),
    [
        (ROOTLESS, "systemctl --user enable docker; sudo loginctl enable-linger"),
        (PODMAN, "sudo systemctl enable podman-restart.service"),
        (
            replace(PODMAN, is_rootless=True),
            "systemctl --user enable podman-restart.service; sudo loginctl enable-linger",
        ),
    ],
    ids=["rootless", "podman", "rootless-podman"],
)
def test_where_the_engine_starts_nothing_after_a_reboot_deploy_says_what_does(on: Any, command: str) -> None:
    said = f"this stack starts by itself after a reboot only after: {command}"
    assert said in decided(None, seen(on=on)).plan.notes


# -- rootless


@pytest.mark.parametrize("backend", [name for name, one in BACKENDS.items() if not one.RUNS_AS_ROOT])
def test_in_a_rootless_engine_both_run_as_its_root_who_is_the_user_outside(backend: str) -> None:
    spec, world = wanted(backend={"kind": backend}), seen(on=ROOTLESS)
    text = rendered(spec, world)
    assert {service["user"] for service in services(text).values()} == {"0:0"}
    assert all("uid=" not in folder or "uid=0,gid=0,mode=0700" in folder for folder in scratch(text))
    plan = decided(spec, world).plan
    # what lies on this machine is the user's all the same
    assert {service.user for service in plan.services} == {OWNER}


def test_of_an_engine_of_which_nobody_sees_the_user_the_folders_owner_is_taken_for_it() -> None:
    text = rendered(None, seen(on=replace(ROOTLESS, user=None), owner=SOMEBODY))
    assert {service["user"] for service in services(text).values()} == {"0:0"}


def refused(**world: Any) -> EngineError:
    with pytest.raises(EngineError) as caught:
        decided(wanted(sillytavern=world.pop("sillytavern", {})), seen(on=ROOTLESS, **world))
    return caught.value


def test_another_owner_than_the_rootless_engines_user_is_refused_with_both() -> None:
    error = refused(owner=SOMEBODY)
    assert error.message == (
        "SillyTavern would run as user 1001, but this engine is rootless and runs as user 1000: its containers can be "
        "no other user of this machine"
    )
    assert "sudo chown -R 1000:1000 ." in error.hint
    assert "the engine of user 1001" in error.hint


@pytest.mark.parametrize("uid", [0, 1001])
def test_so_is_another_sillytavern_uid(uid: int) -> None:
    error = refused(sillytavern={"uid": uid})
    assert f"would run as user {uid}," in error.message
    assert '`sillytavern.uid = "auto"`' in error.hint


def on_rootless(mode: int, gid: int = SOMEBODY.gid, kind: str = "llamacpp") -> Planned:
    """A plan with a model of somebody else's."""
    file = model_file(owner=Owner(uid=SOMEBODY.uid, gid=gid), mode=mode)
    return decided(wanted(backend={"kind": kind}), seen(of=model(file), on=ROOTLESS))


@pytest.mark.parametrize(("mode", "gid"), [(0o644, SOMEBODY.gid), (0o640, OWNER.gid)])
def test_a_model_of_another_user_runs_where_the_engines_user_may_read_it(mode: int, gid: int) -> None:
    backend = on_rootless(mode, gid).plan.backend_service
    assert backend
    assert (str(backend.user), str(backend.user_inside)) == ("1000:1000", "0:0")


@pytest.mark.parametrize("kind", ["llamacpp", textgen.NAME])  # the latter's image runs as root, who is but that user
@pytest.mark.parametrize(("gid", "whom"), [(SOMEBODY.gid, "o"), (OWNER.gid, "g")])
def test_one_that_the_engines_user_can_not_read_is_refused(kind: str, gid: int, whom: str) -> None:
    with pytest.raises(ModelError) as caught:
        on_rootless(0o600, gid, kind=kind)
    assert "can't be read by user 1000, the user that the rootless engine runs as" in caught.value.message
    assert caught.value.hint == f"Run `chmod {whom}+r /models/tiny.gguf`."


# -- Podman


def test_podman_gets_folders_in_memory_without_an_owner() -> None:
    text = rendered(None, seen(on=PODMAN))
    assert scratch(text)
    assert not any("uid=" in folder or "gid=" in folder for folder in scratch(text))
    assert all("mode=1777" in folder for folder in scratch(text))
    assert {service["user"] for service in services(text).values()} == {"1000:1000"}


def test_a_rootless_podman_s_clients_come_from_the_page_s_own_addresses_which_are_fixed_and_admitted() -> None:
    text = rendered(None, seen(on=replace(PODMAN, is_rootless=True, user=OWNER)))
    networks = yaml.safe_load(text)["networks"]
    page = services(text)["sillytavern"]
    fixed = {name: one["ipv4_address"] for name, one in page["networks"].items()}
    assert fixed.keys() == networks.keys() == {"inner", "edge"}
    for name, address in fixed.items():
        config = networks[name]["ipam"]["config"][0]
        assert address == config["gateway"].removesuffix(".1") + ".254"
        assert address in json.loads(page["environment"]["SILLYTAVERN_WHITELIST"])
    assert services(text)["llamacpp"]["networks"] == ["inner"]


@pytest.mark.parametrize("on", [ROOTLESS, PODMAN], ids=["rootless-docker", "podman"])
def test_others_have_no_fixed_address(on: Any) -> None:
    assert services(rendered(None, seen(on=on)))["sillytavern"]["networks"] == ["inner", "edge"]


def test_behind_a_proxy_nothing_is_published_so_no_address_is_fixed() -> None:
    proxy = {"network": "web", "container": "caddy", "hosts": ("chat.example",)}
    text = rendered(wanted(sillytavern={"proxy": proxy}), seen(on=replace(PODMAN, is_rootless=True, user=OWNER)))
    assert services(text)["sillytavern"]["networks"] == ["inner", "edge", "proxy"]


def test_podman_gets_nothing_that_it_takes_for_a_newer_docker() -> None:
    text = rendered(None, seen(on=replace(PODMAN, version=(30, 0, 0))))
    assert "start_interval" not in text
    assert "gateway_mode" not in text


def test_podman_gets_a_gpu_as_a_device() -> None:
    text = rendered(wanted(gpu={"mode": "auto"}), seen(on=PODMAN, gpus=(GPU,)))
    backend = services(text)["llamacpp"]
    assert backend["devices"] == ["nvidia.com/gpu=all"]
    assert "deploy" not in backend
