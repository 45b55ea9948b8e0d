"""Packets that the kernel or the firewall does not let pass."""

from pathlib import PurePosixPath

import pytest

from stackctl.contracts.engine import EngineDetails
from stackctl.contracts.repair import RunProgram
from stackctl.contracts.system import User
from stackctl.core.doctor.firewall import Firewall, drop_chains, judge_firewall, judge_forwarding

ROOT, USER = User(name="root", uid=0), User(name="ann", uid=1000)
DOCKER = PurePosixPath("/var/lib/docker")

# as `iptables -S` prints them
WITH_DOCKER = """\
-P INPUT ACCEPT
-P FORWARD DROP
-P OUTPUT ACCEPT
-N DOCKER
-N DOCKER-FORWARD
-N DOCKER-USER
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER ! -i docker0 -o docker0 -j DROP
-A DOCKER-FORWARD -i docker0 -j ACCEPT
-A DOCKER-FORWARD -i br-0123456789ab -j ACCEPT
"""
DROPS = "-P INPUT ACCEPT\n-P FORWARD DROP\n-P OUTPUT ACCEPT\n"
FLUSHED = f"{DROPS}-N DOCKER\n-N DOCKER-USER\n"  # `iptables -F` leaves the policy and the empty chains
UFW = """\
-P INPUT DROP
-P FORWARD DROP
-P OUTPUT ACCEPT
-N ufw-before-forward
-N ufw-user-forward
-N ufw-after-forward
-A FORWARD -j ufw-before-forward
-A FORWARD -j ufw-after-forward
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -p icmp -m icmp --icmp-type 3 -j ACCEPT
-A ufw-before-forward -j ufw-user-forward
"""
ROUTED = f"{UFW}-A ufw-user-forward -i br-0123456789ab -j ACCEPT\n"
LOOPS = f"{DROPS}-N a\n-A FORWARD -j a\n-A a -g FORWARD\n"

CHAINS = """\
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
	}
}
table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
	}
}
table inet firewalld {
	chain filter_FORWARD {
		type filter hook forward priority filter + 10; policy drop;
	}
}
table ip docker-bridges {
	chain filter-FORWARD {
		type filter hook forward priority filter; policy drop;
	}
}
table ip6 mine {
	chain forward {
		type filter hook forward priority filter; policy drop;
	}
}
"""
SHUT = """\
table inet filter {
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
	}
}
"""
OPEN = SHUT.replace("accept\n\t}", 'accept\n\t\tiifname "br-*" accept\n\t}')


def details(**given: object) -> EngineDetails:
    return EngineDetails(root=DOCKER, image_folder=DOCKER, **given)  # type: ignore[arg-type]


def test_forwarding_that_is_off_is_switched_on_and_back() -> None:
    assert judge_forwarding(details(), {}, ROOT) == ()
    files = {"/etc/sysctl.conf": "#net.ipv4.ip_forward=1\n", "/etc/sysctl.d/99-hard.conf": "net.ipv4.ip_forward = 0\n"}
    (found,) = judge_forwarding(details(forwards=False), files, USER)
    assert found.issue == "forwarding-off"
    assert found.hint == (
        "Run `sudo sysctl -w net.ipv4.ip_forward=1`. /etc/sysctl.d/99-hard.conf sets it to 0 at each boot: correct "
        "that line."
    )
    assert found.repair
    on, off = ("sysctl", "-w", "net.ipv4.ip_forward=1"), ("sysctl", "-w", "net.ipv4.ip_forward=0")
    assert found.repair.steps == (RunProgram(argv=on, undo=off),)


def test_a_rootless_engine_needs_no_forwarding_of_this_machine() -> None:
    assert judge_forwarding(details(forwards=False, security=frozenset({"rootless"})), {}, USER) == ()


@pytest.mark.parametrize(
    ("rules", "drops"),
    [
        (None, False),
        ("", False),
        ("-P FORWARD ACCEPT\n", False),
        (WITH_DOCKER, False),
        (DROPS, True),
        (FLUSHED, True),
        (UFW, True),
        (ROUTED, False),
        (LOOPS, True),
        (f"{DROPS}-A FORWARD -i eth1 -o eth0 -j ACCEPT\n", False),  # somebody's router: it is not for us to judge
        ("nonsense \x00 \n-P\n-A\n", False),
    ],
)
def test_a_policy_that_drops_is_a_fault_only_if_nothing_may_pass(rules: str | None, drops: bool) -> None:
    found = judge_firewall(Firewall(rules=rules), ROOT)
    assert [one.issue for one in found] == (["firewall-drops-forwarded"] if drops else [])


def test_where_the_engine_writes_rules_itself_it_is_restarted() -> None:
    (ours,) = judge_firewall(Firewall(rules=DROPS), ROOT)
    (theirs,) = judge_firewall(Firewall(rules=DROPS, is_managed=False), ROOT)
    assert ours.hint == "Let Docker write its rules again: `systemctl restart docker`."
    assert '`"iptables": false`' in theirs.hint
    assert ours.evidence == ("iptables -S:", "-P FORWARD DROP")


def test_only_the_users_own_chains_of_nftables_are_judged_by_their_policy() -> None:
    assert drop_chains(CHAINS) == (("inet", "filter", "forward"),)
    assert drop_chains("") == ()


@pytest.mark.parametrize(("chain", "drops"), [(SHUT, True), (OPEN, False)])
def test_a_chain_of_nftables_that_lets_nothing_but_replies_pass(chain: str, drops: bool) -> None:
    found = judge_firewall(Firewall(rules=WITH_DOCKER, chains={"inet filter forward": chain}), ROOT)
    assert [one.context for one in found] == (["inet filter forward"] if drops else [])


@pytest.mark.parametrize(
    ("wall", "drops"),
    [
        (Firewall(has_ufw=True, ufw_policy="DROP"), False),  # the default, with which Docker's rules come first
        (Firewall(has_ufw=True, ufw_policy="DROP", is_managed=False), True),
        (Firewall(has_ufw=False, ufw_policy="DROP", is_managed=False), False),
        (Firewall(has_ufw=True, ufw_policy="ACCEPT", is_managed=False), False),
        (Firewall(rules=ROUTED, has_ufw=True, ufw_policy="DROP", is_managed=False), False),  # the rules know better
    ],
)
def test_without_roots_rights_the_files_of_ufw_tell(wall: Firewall, drops: bool) -> None:
    assert bool(judge_firewall(wall, USER)) == drops


@pytest.mark.parametrize(
    ("zone", "severity"), [("docker", ""), ("trusted", ""), (None, ""), ("public", "warning"), ("", "warning")]
)
def test_firewalld_must_have_the_bridge_in_dockers_zone(zone: str | None, severity: str) -> None:
    found = judge_firewall(Firewall(has_firewalld=True, zone=zone), USER)
    assert [one.severity for one in found] == ([severity] if severity else [])
