"""Looking at the world before a plan: what is refused, whose ports, networks and memory are whose."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from stackctl.contracts.host import ReadSpeed
from stackctl.core.config.lock import Lock
from stackctl.core.container_paths import Bind
from stackctl.core.model.demo_model import gguf_bytes
from stackctl.errors import ConfigError, ModelError, StackctlError
from stackctl.steps.observe import observe, observe_again, observe_without_engine
from tests.commands.engines import container
from tests.commands.machines import Quiet, quiet
from tests.core.samples import GPU, engine, wanted

DEMO = {"path": "demo"}
ELSEWHERE = replace(engine(), is_local=False)
NETS = tuple(map(IPv4Network, ("10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24")))


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    """A machine whose folder is called chat."""
    folder = tmp_path / "chat"
    folder.mkdir()
    return quiet(folder)


def runs(here: Quiet, **backend: Any) -> None:
    """Both services of the stack run."""
    here.docker.states_ = {name: container(name, state="running") for name in ("llamacpp", "sillytavern")}
    here.docker.states_["llamacpp"] = replace(here.docker.states_["llamacpp"], **backend)


# -- what is refused


def test_another_stack_of_the_same_name_is_refused(here: Quiet) -> None:
    here.docker.foreign = frozenset({"chat"})
    with pytest.raises(ConfigError, match="chat is another's"):
        observe(wanted(model=DEMO), here.machine)
    observe(wanted(model=DEMO, name="other"), here.machine)


@pytest.mark.parametrize(
    "own", [(), (Bind(PurePosixPath("/elsewhere"), PurePosixPath("/data")),)], ids=["none", "another"]
)
def test_a_folder_that_the_engine_does_not_find_where_we_do_is_refused(here: Quiet, own: tuple[Bind, ...]) -> None:
    here.docker.own_binds = own
    with pytest.raises(StackctlError, match="this folder"):
        observe(wanted(model=DEMO), here.machine)


def test_so_are_a_model_and_a_program(here: Quiet, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for name in ("a.gguf", "kobold"):
        (tmp_path / "models" / name).write_bytes(gguf_bytes())
    place = PurePosixPath(here.machine.path)
    here.docker.own_binds = (Bind(place, place),)
    for spec, what in (
        (wanted(model={"path": f"{tmp_path}/models/a.gguf"}), "the model"),
        (wanted(model=DEMO, backend={"kind": "koboldcpp", "program": f"{tmp_path}/models/kobold"}), "program"),
    ):
        with pytest.raises(StackctlError, match=what):
            observe(spec, here.machine)


def test_a_proxy_that_is_not_there_is_said_with_those_that_are(here: Quiet) -> None:
    spec = wanted(
        model=DEMO, sillytavern={"proxy": {"network": "web", "container": "caddy", "hosts": ("chat.example.org",)}}
    )
    here.docker.in_network = {"web": {"nginx": "172.30.0.3", "caddy": "172.30.0.2"}}
    assert observe(spec, here.machine).proxy == "172.30.0.2"
    del here.docker.in_network["web"]["caddy"]
    with pytest.raises(ConfigError, match="no running container caddy in the network web") as caught:
        observe(spec, here.machine)
    assert caught.value.hint.endswith("in that network are: nginx.")


# -- what others hold


def test_a_port_counts_as_taken_by_who_listens_or_publishes_and_never_by_this_stack(here: Quiet) -> None:
    here.host.listening_ = {"127.0.0.1": {8000: "docker-proxy", 9000: "nginx"}, "192.168.1.5": {9100: "sshd"}}
    here.docker.published_ = ({9200: "container other", 9000: "container web"}, {8000})
    assert observe(wanted(model=DEMO), here.machine).taken_ports == {9000: "container web", 9200: "container other"}


def test_on_an_exposed_address_who_listens_there_counts_too(here: Quiet) -> None:
    here.host.own_interfaces = {"eth0": ("192.168.1.5/24",)}
    here.host.listening_ = {"192.168.1.5": {8000: "sshd"}}
    spec = wanted(model=DEMO, sillytavern={"expose": "192.168.1.5"})
    assert observe(spec, here.machine).taken_ports == {8000: "sshd"}
    assert observe(wanted(model=DEMO), here.machine).taken_ports == {}


def test_of_another_machines_engine_only_what_is_published_is_known(here: Quiet) -> None:
    here.docker.seen = ELSEWHERE
    here.host.listening_ = {"127.0.0.1": {9000: "nginx"}}
    here.host.networks, here.docker.subnets_ = (NETS[0],), ((NETS[1],), ())
    here.docker.published_ = ({9200: "container other"}, set())
    here.gpus.found = (GPU,)
    found = observe(wanted(model=DEMO), here.machine)
    assert (found.taken_ports, found.taken_subnets, found.routes) == ({9200: "container other"}, (NETS[1],), ())
    assert (found.gpus, found.ram, found.names) == ((), None, None)


def test_other_networks_and_routes_are_seen_each_once_and_never_those_of_this_stack(here: Quiet) -> None:
    here.docker.subnets_ = ((NETS[0],), (NETS[1],))
    here.host.networks = (NETS[1], NETS[2], NETS[0])
    found = observe(wanted(model=DEMO), here.machine)
    assert (found.taken_subnets, found.routes) == ((NETS[0],), (NETS[2],))


def test_the_apis_port_is_taken_by_others_alone(here: Quiet) -> None:
    spec = wanted(model=DEMO, backend={"publish": "127.0.0.1:5001"})
    here.host.listening_ = {"127.0.0.1": {5001: "koboldcpp"}}
    assert observe(spec, here.machine).publish_conflicts == {"127.0.0.1:5001": "koboldcpp"}
    here.docker.published_ = ({}, {5001})
    assert observe(spec, here.machine).publish_conflicts == {}
    here.docker.published_ = ({5001: "container x"}, set())
    assert observe(spec, here.machine).publish_conflicts == {"127.0.0.1:5001": "container x"}


# -- what this stack has


def test_how_far_the_stack_has_come_is_seen_each_time(here: Quiet) -> None:
    spec = wanted(model=DEMO)
    first = observe(spec, here.machine)
    assert (first.is_new, first.has_run) == (True, False)
    runs(here)
    again = observe_again(first, spec, here.machine)
    assert (again.is_new, again.has_run) == (False, True)
    here.docker.states_ = {"sillytavern": container("sillytavern", state="created")}
    assert observe_again(first, spec, here.machine).has_run is False


def test_what_this_stacks_own_backend_holds_is_known_by_its_process(here: Quiet) -> None:
    here.gpus.found, here.gpus.held_mib = (GPU,), {GPU.uuid: 4000}
    spec = wanted(model=DEMO)
    assert observe(spec, here.machine).gpus[0].own_mib == 0
    runs(here, pid=77)
    assert observe(spec, here.machine).gpus[0].own_mib == 4000
    assert here.gpus.asked == [77]
    assert "RAM, own process 77" in here.host.asked
    runs(here, pid=0)
    assert observe(spec, here.machine).gpus[0].own_mib == 0
    assert observe(wanted(model=DEMO, gpu={"mode": "none"}), here.machine).gpus == ()


def test_the_speed_of_the_ram_is_measured_only_where_the_plan_of_a_model_needs_it(here: Quiet) -> None:
    here.host.speed = ReadSpeed(one_gb_per_s=10, all_gb_per_s=30, cores=8)
    (here.machine.path / "a.gguf").write_bytes(gguf_bytes())
    spec = wanted(model={"path": "a.gguf"})
    assert observe(spec, here.machine).read_speed == here.host.speed
    for of, engine_ in ((wanted(model=DEMO), here.docker.seen), (spec, ELSEWHERE)):
        here.host.asked.clear()
        here.docker.seen = engine_
        assert observe(of, here.machine).read_speed is None
        assert "read speed" not in here.host.asked


def test_the_models_of_use_are_looked_at_as_far_as_they_are_there(here: Quiet) -> None:
    (here.machine.path / "a.gguf").write_bytes(gguf_bytes())
    spec = wanted(model=DEMO, models={"a": {"path": "a.gguf"}, "b": {"path": "gone.gguf"}})
    assert list(observe(spec, here.machine).models) == ["a"]


def test_a_model_that_has_yet_to_be_pulled_is_said_by_its_source(here: Quiet) -> None:
    spec = wanted(model={"source": "hf:owner/tiny:Q4_K_M"})
    with pytest.raises(ModelError, match="hf:owner/tiny:Q4_K_M is not here yet") as caught:
        observe(spec, here.machine)
    assert caught.value.hint == "Run `stackctl deploy` to download it."


def test_a_password_is_made_and_addresses_are_looked_at_only_for_a_stack_that_others_may_reach(here: Quiet) -> None:
    here.host.own_interfaces, here.host.own_names = {"eth0": ("192.168.1.5/24",)}, ("box",)
    looks: tuple[Callable[..., Any], ...] = (
        lambda spec: observe(spec, here.machine),
        lambda spec: observe_without_engine(spec, here.machine, Lock()),
    )
    for look in looks:
        alone, exposed = (look(wanted(model=DEMO, sillytavern={"expose": one})) for one in ("none", "lan"))
        assert (alone.password, dict(alone.interfaces)) == (None, {})
        assert (exposed.password is None, dict(exposed.interfaces)) == (False, here.host.own_interfaces)
        assert exposed.names == ("box",)


def test_without_an_engine_nothing_is_asked_of_it(here: Quiet) -> None:
    here.host.networks = (NETS[0],)
    here.docker.foreign = frozenset({"chat"})
    runs(here, pid=77)
    found = observe_without_engine(wanted(model=DEMO), here.machine, Lock())
    assert (found.engine, found.is_new, found.has_run, found.routes) == (None, False, False, (NETS[0],))
    assert here.docker.asked == []
