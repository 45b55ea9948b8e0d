"""Under which names SillyTavern answers: a machine's own, the proxy's, the user's; recorded, and said."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.config.lock import Decision, Lock
from stackctl.core.plan import host_names
from stackctl.core.plan.host_names import of_machine
from stackctl.core.plan.plan import Planned, plan
from tests.core.samples import PASSWORD, decided, engine, seen, wanted

WHITELIST = "SILLYTAVERN_HOSTWHITELIST_HOSTS"
DEBIAN = "127.0.0.1\tlocalhost\n127.0.1.1\tbox.example.org\tbox # ours\n::1 localhost ip6-localhost\n"
TAILNET = json.dumps({"BackendState": "Running", "Self": {"HostName": "box", "DNSName": "box.tail1a2b.ts.net."}})


@pytest.mark.parametrize(
    ("host", "hosts_file", "tailscale", "expected"),
    [
        ("box", DEBIAN, "", ("box", "box.example.org", "box.local")),
        ("box", DEBIAN, TAILNET, ("box", "box.example.org", "box.local", "box.tail1a2b.ts.net")),
        ("Box", DEBIAN, "", ("box", "box.example.org", "box.local")),  # browsers send small letters
        ("box.example.org", "", "", ("box.example.org", "box.local")),
        ("box", "127.0.0.1 localhost box\n", "", ("box", "box.local")),
        ("box", "# 127.0.1.1 evil.example box\n127.0.1.1\nbox\n", "", ("box", "box.local")),
        ("localhost", "127.0.0.1 localhost localhost.localdomain\n", "", ()),
        ("", DEBIAN, "", ()),
        ("a b", "", "", ()),  # no browser can ask for that
        ("b\u00fccher", "", "", ()),
    ],
)
def test_a_machines_names_are_those_of_its_own_files_and_of_tailscale(
    host: str, hosts_file: str, tailscale: str, expected: tuple[str, ...]
) -> None:
    assert of_machine(host, hosts_file, tailscale) == expected


@pytest.mark.parametrize(
    "status",
    ["", "no", "[]", "{}", '{"Self": null}', '{"Self": {"DNSName": 5}}', '{"Self": {"DNSName": ""}}', "[" * 100_000],
)
def test_a_status_that_tells_no_name_adds_none(status: str) -> None:
    assert of_machine("box", "", status) == ("box", "box.local")


@given(st.text(), st.text(), st.text())
def test_whatever_stands_there_a_name_is_one_that_a_browser_can_send(host: str, hosts_file: str, name: str) -> None:
    for one in of_machine(host, f"{hosts_file}\n127.0.1.1 {name} {host}\n", json.dumps({"Self": {"DNSName": name}})):
        assert one == one.lower()
        assert set(one) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")


def planned(*names: str, recorded: Lock | None = None, **tavern: object) -> Planned:
    world = replace(seen(on=engine()), names=names, password=PASSWORD)
    return decided(wanted(name="chat", sillytavern=tavern), world, recorded)


def listed(found: Planned) -> list[str]:
    environment = found.plan.sillytavern.environment
    assert environment["SILLYTAVERN_HOSTWHITELIST_ENABLED"] == "true"
    names: list[str] = json.loads(environment[WHITELIST])
    return names


def said(found: Planned) -> list[str]:
    return [note for note in found.plan.notes if "to no other name" in note]


def test_the_whitelist_is_always_on_and_has_the_proxys_the_users_and_the_machines_names_in_small_letters() -> None:
    assert listed(planned()) == []
    assert listed(planned("box", "box.local")) == ["box", "box.local"]
    assert listed(planned("box", host_names=("Chat.lan", ".Example.org", "box"))) == ["chat.lan", ".example.org", "box"]
    proxy = {"network": "caddy", "container": "caddy-1", "hosts": ("Chat.example.org",)}
    assert listed(planned("box", proxy=proxy, host_names=("b.example",))) == ["chat.example.org", "b.example", "box"]


def test_a_recorded_name_stays_until_a_new_one_is_seen() -> None:
    first = planned("box", "box.local", "box.tail1a2b.ts.net")
    for less in (("box", "box.local"), ()):  # a daemon that is down for a moment
        after = planned(*less, recorded=first.lock)
        assert (listed(after), after.inputs) == (listed(first), first.inputs)
    assert listed(planned("den", "den.local", recorded=first.lock)) == ["den", "den.local"]


def test_where_the_machine_is_not_looked_at_what_is_recorded_stands() -> None:
    first = planned("box", "box.local")
    unseen = replace(seen(), names=None)
    after = plan(wanted(name="chat"), unseen, first.lock)
    assert listed(after) == ["box", "box.local"]
    assert after.lock.decisions[host_names.KEY] == first.lock.decisions[host_names.KEY]
    assert host_names.KEY not in decided(wanted(name="chat"), unseen).lock.decisions


@pytest.mark.parametrize("value", [5, None, "box", {"a": 1}, [5, None], [[]]])
def test_a_record_edited_by_hand_is_decided_anew(value: object) -> None:
    lock = Lock(decisions={host_names.KEY: Decision(value=value, inputs={})})
    assert listed(planned("box", recorded=lock)) == ["box"]
    assert listed(planned(recorded=lock)) == []


def test_other_names_are_an_input_of_the_file() -> None:
    inputs = {planned(*names, **more).inputs for names, more in ((("box",), {}), (("den",), {}), ((), {}))}
    inputs.add(planned("box", host_names=("chat.lan",)).inputs)
    assert len(inputs) == 4


def test_the_names_are_said_when_the_list_is_first_in_force_and_when_the_machines_own_change() -> None:
    first = planned("box", "box.local")
    (note,) = said(first)
    assert note.startswith("SillyTavern answers to box, box.local, localhost and IP addresses, to no other name")
    assert "answers to localhost and IP addresses, to" in said(planned())[0]
    lock = replace(first.lock, rendered={"security": " ".join(first.security)})
    assert said(planned("box", "box.local", recorded=lock)) == []
    assert said(planned("box", recorded=lock)) == []
    assert "den.local" in said(planned("den", "den.local", recorded=lock))[0]
    assert said(planned("box", "box.local", recorded=replace(lock, rendered={"by": "0.0.9"})))
