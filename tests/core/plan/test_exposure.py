"""Who may come in beside this machine: addresses by name, the whitelist's networks, and when it is not trusted."""

import hashlib
import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from stackctl.core.observed import EngineSeen, Observed
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError, EngineError
from stackctl.secret import Secret
from tests.core.samples import PASSWORD, a_plan, decided, engine, seen, wanted

INTERFACES = {
    "lo": ("127.0.0.1/8", "::1/128"),
    "eth0": ("192.168.1.5/24", "fd00:1::5/64", "2620:0:1::5/64", "fe80::1/64"),
    "wlan0": ("10.1.2.3/16",),
    "br0": ("172.20.0.1/16",),
    "ppp0": ("10.99.0.1/32",),
    "eth1": ("11.22.33.44/24",),
    "docker0": ("172.17.0.1/16",),
    "br-0123456789ab": ("10.88.0.1/24",),
    "virbr0": ("192.168.122.1/24",),
    "tailscale0": ("100.101.102.103/32", "fd7a:115c:a1e0::1/128"),
}


def world(on: EngineSeen | None = None) -> Observed:
    return replace(seen(on=on), interfaces=INTERFACES, password=PASSWORD)


def exposed(wish: str, on: EngineSeen | None = None) -> Plan:
    return a_plan(wanted(sillytavern={"expose": wish}), world(on))


def whitelist(plan: Plan) -> list[str]:
    found: list[str] = json.loads(plan.sillytavern.environment["SILLYTAVERN_WHITELIST"])
    return found


@pytest.mark.parametrize(
    ("wish", "addresses", "networks"),
    [
        ("none", [], []),
        (
            "lan",
            ["172.20.0.1", "192.168.1.5", "[fd00:1::5]", "10.1.2.3"],
            ["172.20.0.0/16", "192.168.1.0/24", "10.1.0.0/16"],
        ),
        ("192.168.1.5", ["192.168.1.5"], ["192.168.1.0/24"]),
        ("fd00:1:0:0::5", ["[fd00:1::5]"], []),
        ("wlan0", ["10.1.2.3"], ["10.1.0.0/16"]),
        ("tailscale0", ["100.101.102.103", "[fd7a:115c:a1e0::1]"], ["100.64.0.0/10"]),
        ("br0", ["172.20.0.1"], ["172.20.0.0/16"]),
    ],
)
def test_exactly_what_was_named_is_published_and_admitted(wish: str, addresses: list[str], networks: list[str]) -> None:
    plan = exposed(wish)
    assert [one.place for one in plan.sillytavern.publish] == [f"{one}:8000" for one in ("127.0.0.1", *addresses)]
    assert whitelist(plan) == ["127.0.0.1", "::1", plan.networks[-1].gateway, *networks]
    assert (plan.sillytavern.environment.get("SILLYTAVERN_BASICAUTHMODE") == "true") == (wish != "none")
    assert plan.urls == tuple(f"http://{one}:8000" for one in addresses)


@pytest.mark.parametrize(
    ("wish", "public", "hint"),
    [
        ("eth0", "2620:0:1::5", 'Write `expose = "192.168.1.5"` or `expose = "fd00:1::5"` to leave'),
        (
            "eth1",
            "11.22.33.44",
            'Write `expose = "lan"` to leave the Internet out, or name the address: `expose = "11.22.33.44"`.',
        ),
    ],
)
def test_an_address_of_the_internet_is_published_only_where_it_is_named_itself(
    wish: str, public: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        exposed(wish)
    assert f"sillytavern.expose = {wish!r}: that interface has public addresses ({public})" in caught.value.message
    assert hint in caught.value.hint
    named = exposed(public)
    assert len(named.urls) == 1
    assert any("may be open to the Internet, without encryption" in note for note in named.notes)


WRONG = (
    *("192.168.1.6", "eth7", "lo", "127.0.0.1", "fe80::1", "0.0.0.0", "::"),  # noqa: S104 - must fail
    *("wan", "public", "internet", "any", "everyone", "true", "LAN", "docker1"),
)


@pytest.mark.parametrize("wish", WRONG)
def test_what_this_machine_has_not_is_refused_with_lan_none_and_three_addresses_that_others_reach(wish: str) -> None:
    with pytest.raises(ConfigError, match="no such address") as failed:
        exposed(wish)
    hint = failed.value.hint
    assert 'expose = "lan"' in hint
    assert 'expose = "none"' in hint
    offered = hint.partition(" of it: ")[2].removesuffix(".").split(", ")
    assert offered == ["172.20.0.1 (br0)", "192.168.1.5 (eth0)", "10.1.2.3 (wlan0)"]


PROGRAMS = (
    *("docker0", "br-0123456789ab", "virbr0", "podman0", "cni-podman0", "lxcbr0", "lxdbr0", "incusbr0", "vmnet8"),
    *("vboxnet0", "flannel.1", "cali1234", "nerdctl0", "mpqemubr0", "vEthernet (WSL)"),
)


def test_of_25_bridges_none_is_offered_and_none_is_the_lan() -> None:
    many = {name: (f"10.{number}.0.1/24",) for number, name in enumerate((*PROGRAMS, *(f"mine{i}" for i in range(10))))}
    here = replace(world(), interfaces=many, bridges=frozenset(f"mine{i}" for i in range(10)))
    with pytest.raises(ConfigError, match="no such address") as failed:
        a_plan(wanted(sillytavern={"expose": "wan"}), here)
    hint = (
        'Write `expose = "lan"` for the private networks of this machine, or `expose = "none"` for this machine alone.'
    )
    assert failed.value.hint == hint
    with pytest.raises(ConfigError, match="'lan': this machine has no private network") as failed:
        a_plan(wanted(sillytavern={"expose": "lan"}), here)
    assert failed.value.hint == 'Write `expose = "none"` for this machine alone.'


def test_a_vpn_is_offered_after_the_networks_that_are_lan() -> None:
    here = replace(world(), interfaces={"eth0": ("192.168.1.5/24",), "docker0": ("172.17.0.1/16",)})
    here = replace(here, interfaces={**here.interfaces, "tailscale0": ("100.101.102.103/32", "fd7a:115c:a1e0::1/128")})
    with pytest.raises(ConfigError) as failed:
        a_plan(wanted(sillytavern={"expose": "wan"}), here)
    assert failed.value.hint.endswith(" of it: 192.168.1.5 (eth0), 100.101.102.103 (tailscale0).")


def test_a_bridge_without_a_card_is_no_lan_whatever_its_name_and_can_be_named() -> None:
    here = replace(world(), interfaces={"home": ("10.7.0.1/24",), "eth0": ("192.168.1.5/24",)})
    here = replace(here, bridges=frozenset({"home"}))
    assert a_plan(wanted(sillytavern={"expose": "lan"}), here).urls == ("http://192.168.1.5:8000",)
    assert a_plan(wanted(sillytavern={"expose": "home"}), here).urls == ("http://10.7.0.1:8000",)


def test_an_engine_elsewhere_is_refused_because_its_addresses_are_not_ours() -> None:
    with pytest.raises(EngineError, match="can't be seen from here"):
        exposed("lan", replace(engine(), is_local=False))


@pytest.mark.parametrize("who", ["Docker Desktop", "a rootless engine"])
def test_where_clients_have_no_address_the_whitelist_is_off_the_password_on_and_it_is_said(who: str) -> None:
    plan = exposed("lan", engine(hides_clients=who))
    assert plan.sillytavern.environment["SILLYTAVERN_WHITELISTMODE"] == "false"
    assert plan.sillytavern.environment["SILLYTAVERN_BASICAUTHMODE"] == "true"
    assert any(note.startswith(who) for note in plan.notes)
    shut = a_plan(wanted(), seen(on=engine(hides_clients=who)))
    assert "SILLYTAVERN_WHITELISTMODE" not in shut.sillytavern.environment


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ("11.22.33.44", "Internet"),
        ("2620:0:1::5", "IPv6"),
        ("2620:0:1::5", "Internet"),
        ("fd00:1::5", "IPv6"),
        ("tailscale0", "IPv6"),
    ],
)
def test_what_the_user_should_know_is_said(wish: str, says: str) -> None:
    assert any(says in note for note in exposed(wish).notes)
    assert not any(says in note for note in exposed("wlan0").notes)
    assert not any("Internet" in note for note in exposed("tailscale0").notes)


def test_another_address_or_password_renders_anew_and_recreates_sillytavern_alone() -> None:
    spec = wanted(sillytavern={"expose": "wlan0"})
    before = decided(spec, world())
    moved = decided(spec, replace(world(), interfaces={"wlan0": ("10.1.2.4/16",)}))
    changed = decided(spec, replace(world(), password=Secret("another-password-of-ours")))
    assert len({one.inputs for one in (before, moved, changed)}) == 3
    assert before.plan.sillytavern.fingerprint != changed.plan.sillytavern.fingerprint
    assert before.plan.backend_service == changed.plan.backend_service


@pytest.mark.parametrize(
    "about",
    [
        {"proxy": {"network": "caddy"}},
        {"proxy": {"network": "caddy", "container": "caddy"}},
        {"expose": "lan", "proxy": {"network": "caddy", "container": "caddy", "hosts": ("chat.example.org",)}},
    ],
)
def test_a_half_told_proxy_and_two_ways_in_are_refused(about: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"a proxy needs|exclude each other"):
        wanted(sillytavern=about)


def test_a_password_of_the_users_own_can_not_be_tried_on_what_the_file_shows() -> None:
    spec = wanted(sillytavern={"expose": "wlan0"})
    shown = decided(spec, world()).plan.sillytavern.fingerprint
    assert shown not in hashlib.sha256(PASSWORD.reveal().encode()).hexdigest()
    other_key = replace(world(), key=Secret("k" * 43))  # on a stack of another, the same password shows nothing alike
    assert decided(spec, other_key).plan.sillytavern.fingerprint != shown


@pytest.mark.parametrize(
    "way_in", [{"expose": "wlan0"}, {"proxy": {"network": "caddy", "container": "caddy", "hosts": ("a.example",)}}]
)
def test_a_network_of_containers_that_comes_or_goes_changes_nothing(way_in: dict[str, object]) -> None:
    spec = wanted(sillytavern=way_in)
    before = decided(spec, replace(world(), proxy="10.5.0.2"))
    more = {**INTERFACES, "br-fedcba987654": ("10.77.0.1/24",), "veth01": ("fe80::2/64",)}
    after = decided(spec, replace(world(), proxy="10.5.0.2", interfaces=more))
    assert (after.inputs, after.plan) == (before.inputs, before.plan)
