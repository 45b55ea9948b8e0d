"""Where the stack is found: by the plan that it was deployed by, so it is what runs."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
import segno

from stackctl import report
from stackctl.commands.url import Address, Opened, url
from stackctl.contracts.service import Publish
from stackctl.core.observed import ServiceState
from stackctl.core.plan import plan_json
from stackctl.core.smoke.reachability import ContainerNetworking
from stackctl.errors import EngineError
from stackctl.orchestrators.compose import render
from stackctl.steps import tavern_password
from tests.commands.machines import Quiet, quiet
from tests.core.samples import PASSWORD, a_plan, seen, wanted
from tests.fakes import FakeOrchestrator

FOUND = Address(urls=("http://192.168.1.5:8000",), user="stackctl", password_file=tavern_password.FILE)
SSH = "198.51.100.7 50000 203.0.113.9 22"


def here(folder: Path, **tavern: object) -> Quiet:
    """A machine with a stack that was deployed with this [sillytavern] section."""
    spec = wanted(sillytavern=tavern)
    interfaces = {"eth0": ("fd00::5/64", "192.168.1.5/24")}
    password = PASSWORD if spec.sillytavern.has_password else None
    world = replace(seen(), interfaces=interfaces, password=password, proxy="172.30.0.2")
    text = plan_json.dump(a_plan(spec, world), PurePosixPath(folder), key="none", password="none")
    found = quiet(folder)
    found.machine.folder.write(render.FILE, "services: {}")
    found.machine.folder.write(plan_json.FILE, text)
    return found


def test_the_best_address_comes_first_and_the_password_has_its_place(tmp_path: Path) -> None:
    machine = here(tmp_path, expose="lan").machine
    machine.folder.write(tavern_password.FILE, PASSWORD.reveal(), mode=0o600)
    found = url(machine)
    assert found.urls == ("http://192.168.1.5:8000", "http://[fd00::5]:8000")
    assert (found.user, found.password_file) == ("stackctl", ".stackctl/sillytavern-password")


@pytest.mark.parametrize(
    ("states", "is_ready", "says"),
    [
        ({}, False, "nothing of this stack runs"),
        ({"sillytavern": "exited", "llamacpp": "exited"}, False, "nothing of this stack runs"),
        ({"sillytavern": "starting", "llamacpp": "healthy"}, False, "SillyTavern is not ready"),
        ({"sillytavern": "healthy", "llamacpp": "exited"}, True, ""),
    ],
)
def test_that_nothing_answers_there_is_said_and_the_address_is_told_all_the_same(
    tmp_path: Path, states: dict[str, str], is_ready: bool, says: str
) -> None:
    found = here(tmp_path, expose="lan")
    found.docker.states_ = {
        name: ServiceState(
            name=name,
            container=name,
            state="exited" if now == "exited" else "running",
            health=now.replace("exited", ""),
        )
        for name, now in states.items()
    }
    assert url(found.machine).is_ready is is_ready
    assert says in found.said.getvalue()
    assert ("stackctl start" in found.said.getvalue()) == (not is_ready)


class Unreachable(FakeOrchestrator):
    def states(self, name: str) -> dict[str, ServiceState]:
        raise EngineError(f"no engine for {name}", hint="start it")


def test_an_engine_that_can_not_be_asked_keeps_no_address_back(tmp_path: Path) -> None:
    found = here(tmp_path, expose="lan")

    machine = replace(found.machine, orchestrator=Unreachable(**vars(found.orchestrator)))
    assert (url(machine).urls[0], url(machine).is_ready) == (FOUND.urls[0], None)


def test_without_exposure_it_is_this_machines_and_both_ways_for_others_are_said(tmp_path: Path) -> None:
    found = here(tmp_path, expose="none")
    assert url(found.machine).urls == ("http://127.0.0.1:8000",)
    said = found.said.getvalue()
    assert "only this machine can open that" in said
    assert "`stackctl deploy --expose lan`" in said
    assert "`ssh -L 8000:127.0.0.1:8000 THIS-HOST`" in said


@pytest.mark.parametrize(
    ("name", "bridges"), [("docker0", ()), ("br-0123456789ab", ()), ("virbr0", ()), ("home", ("home",))]
)
def test_an_address_of_other_programs_containers_is_never_offered(
    tmp_path: Path, name: str, bridges: tuple[str, ...]
) -> None:
    found = here(tmp_path, expose="eth0")
    found.host.own_interfaces = {name: ("192.168.1.5/24",), "tailscale0": ("fd00::5/64",)}
    found.host.own_bridges = frozenset(bridges)
    assert url(found.machine).urls == ("http://[fd00::5]:8000",)
    found.host.own_interfaces = {name: ("192.168.1.5/24", "fd00::5/64")}
    assert url(found.machine).urls == ("http://127.0.0.1:8000",)
    assert "only this machine can open that" in found.said.getvalue()


def test_a_port_that_is_open_on_all_addresses_is_offered_with_those_that_others_reach(tmp_path: Path) -> None:
    found = here(tmp_path)
    found.machine.folder.remove(plan_json.FILE)
    (tmp_path / "stack.toml").write_text("no TOML")  # so that the engine alone knows
    found.docker.projects = frozenset({("mine", str(tmp_path))})
    page = ServiceState(name="sillytavern", container="page", state="running", health="healthy")
    found.docker.states_ = {"sillytavern": page}
    everywhere = ("0.0.0.0", "::")  # noqa: S104 - as Docker shows it
    published = tuple(Publish(address=one, port=8000, target=8000) for one in everywhere)
    found.docker.attachments["page"] = ContainerNetworking(published=published)
    found.host.own_addresses = ("172.17.0.1", "192.168.1.5", "fd00::5")
    found.host.own_interfaces = {"docker0": ("172.17.0.1/16",), "eth0": ("192.168.1.5/24", "fd00::5/64")}
    assert url(found.machine).urls == ("http://192.168.1.5:8000", "http://[fd00::5]:8000")


def test_behind_a_proxy_it_is_found_under_the_hosts_that_it_was_deployed_with(tmp_path: Path) -> None:
    proxy = {"network": "web", "container": "caddy", "hosts": ("chat.example.org", "b.example.org")}
    found = here(tmp_path, proxy=proxy)
    (tmp_path / "stack.toml").write_text('[sillytavern.proxy]\nhosts = ["not-deployed-yet.example.org"]\n')
    assert url(found.machine).urls == ("https://chat.example.org", "https://b.example.org")


def test_the_text_is_the_address_alone_or_a_code_that_holds_it() -> None:
    assert report.address(FOUND, as_qr=False)[0] == FOUND.urls[0]
    text, values = report.address(FOUND, as_qr=True)
    picture = text.splitlines()[:-2]
    code = segno.make(FOUND.urls[0], micro=False)
    # two rows of modules in a line of text, dark ones left blank, and a quiet zone of four around
    rows = [line for line in picture if line.strip()]
    assert len(rows[0]) == code.symbol_size(border=4)[0]
    drawn = [[_module(char, half) for char in line] for line in rows for half in (0, 1)]
    assert [row[4:-4] for row in drawn[4 : 4 + len(code.matrix)]] == [[bool(m) for m in row] for row in code.matrix]
    assert FOUND.urls[0] in text
    assert values["password_file"] == tavern_password.FILE


def _module(char: str, half: int) -> bool:
    """Whether the upper (0) or lower (1) half of a character is dark."""
    return {" ": (True, True), "\u2588": (False, False), "\u2580": (False, True), "\u2584": (True, False)}[char][half]


@pytest.mark.parametrize(
    ("ssh", "is_shown", "says"),
    [
        ("", True, "opened http://127.0.0.1:8000"),
        ("", False, "no browser here; open http://127.0.0.1:8000"),
        (SSH, False, "ssh -L 8000:127.0.0.1:8000 203.0.113.9"),
    ],
)
def test_what_was_opened_or_how_to_open_it_is_said(ssh: str, is_shown: bool, says: str) -> None:
    assert says in report.opened(Opened(url="http://127.0.0.1:8000", is_shown=is_shown), ssh)[0]
