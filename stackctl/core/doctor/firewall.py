"""Whether the kernel and the firewall let packets pass between containers and the network.

Sources: https://docs.docker.com/engine/network/packet-filtering-firewalls/ (Docker's chains, firewalld's zone `docker`,
"iptables": false), https://docs.docker.com/engine/network/firewall-nftables/ (a drop in another table wins).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from stackctl.contracts.engine import EngineDetails
from stackctl.contracts.finding import Finding
from stackctl.contracts.repair import Repair, RunProgram
from stackctl.contracts.system import User
from stackctl.core.doctor.commands import as_root
from stackctl.core.doctor.evidence import lines_of

_FORWARD: Final = "net.ipv4.ip_forward"
_LINE: Final = re.compile(r"^\s*net[./]ipv4[./]ip_forward\s*=\s*0\s*$", re.MULTILINE)
# rules that let replies and pings pass, which is not enough for a container
_LIMITED: Final = re.compile(r"ESTABLISHED|RELATED|-p icmp")
_JUMP: Final = re.compile(r" -[jg] (\S+)")
_MOST: Final = 8  # lines of evidence
_NFT_HINT: Final = (
    'Let the packets of containers pass in that chain (in /etc/nftables.conf): `iifname "br-*" accept`, and '
    "`ct status dnat accept` for published ports."
)
_NFT_SOURCE: Final = "https://docs.docker.com/engine/network/firewall-nftables/ ."


def judge_forwarding(details: EngineDetails, files: Mapping[str, str], user: User) -> tuple[Finding, ...]:
    """Return whether the kernel forwards nothing. files: those of sysctl, by path."""
    if details.forwards or "rootless" in details.security:
        return ()
    named = [path for path, text in sorted(files.items()) if _LINE.search(text)]
    boot = f" {named[-1]} sets it to 0 at each boot: correct that line." if named else ""
    undo = ("sysctl", "-w", f"{_FORWARD}=0")
    step = RunProgram(argv=("sysctl", "-w", f"{_FORWARD}=1"), undo=undo)
    return (
        Finding(
            issue="forwarding-off",
            says="the kernel forwards no packets between networks: containers have no way out, and other devices "
            "none to SillyTavern's page",
            hint=f"Run `{as_root(user, *step.argv)}`.{boot}",
            evidence=(f"{_FORWARD} = 0", *(f"{path}: {_FORWARD} = 0" for path in named)),
            repair=Repair(does="Let the kernel forward packets between networks, until the next boot.", steps=(step,)),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Firewall:
    """What is known of the firewall. None: this user may not read it, or it is not there.

    rules: `iptables -S`; chains: each chain of nftables that may drop forwarded packets by its policy -> its
    rules; zone: firewalld's zone of the engine's bridge, "" for none.
    """

    rules: str | None = None
    chains: Mapping[str, str] | None = None
    has_firewalld: bool = False
    zone: str | None = None
    is_managed: bool = True  # the engine writes rules itself ("iptables" in its settings)
    has_ufw: bool = False  # it is switched on
    ufw_policy: str = ""  # DEFAULT_FORWARD_POLICY


def judge_firewall(wall: Firewall, user: User) -> tuple[Finding, ...]:
    """Return why forwarded packets are dropped: at most one finding, that with the best proof."""
    return (*_by_rules(wall, user), *_by_files(wall, user), *_by_zone(wall, user))[:1]


def _by_rules(wall: Firewall, user: User) -> Iterator[Finding]:
    rules = _chains(wall.rules or "")
    if "-P FORWARD DROP" in rules["FORWARD"] and not _lets_pass(rules):
        yield Finding(
            issue="firewall-drops-forwarded",
            says="the firewall drops all forwarded packets, and Docker's rules are not in its chain FORWARD",
            hint=_restart(user) if wall.is_managed else _unmanaged(user),
            evidence=("iptables -S:", *lines_of("\n".join(rules["FORWARD"]), _MOST)),
        )
    for chain, text in sorted((wall.chains or {}).items()):
        if not re.search(r"\b(accept|jump|goto)\b", re.sub(r"(?m)^.*\b(established|related)\b.*$", "", _body(text))):
            yield Finding(
                issue="firewall-drops-forwarded",
                context=chain,
                says=f"the chain {chain} of nftables drops all forwarded packets, those of containers as well",
                hint=f"{_NFT_HINT} Source: {_NFT_SOURCE}",
                evidence=(f"nft list chain {chain}:", *lines_of(text, _MOST)),
            )


def _by_files(wall: Firewall, user: User) -> Iterator[Finding]:
    """Without root's rights only files show what the firewall does."""
    if wall.rules is None and not wall.is_managed and wall.has_ufw and wall.ufw_policy == "DROP":
        yield Finding(
            issue="firewall-drops-forwarded",
            says='ufw drops forwarded packets, and Docker writes no rules ("iptables": false in its settings)',
            hint=_unmanaged(user),
            evidence=('/etc/default/ufw: DEFAULT_FORWARD_POLICY="DROP"', '/etc/docker/daemon.json: "iptables": false'),
        )


def _by_zone(wall: Firewall, user: User) -> Iterator[Finding]:
    if wall.has_firewalld and wall.zone is not None and wall.zone not in {"docker", "trusted"} and wall.is_managed:
        at = f"in its zone {wall.zone}" if wall.zone else "in no zone"
        yield Finding(
            issue="firewall-drops-forwarded",
            severity="warning",
            says=f"firewalld has the engine's bridge docker0 {at}, and not in the zone docker: it may drop packets",
            hint=_restart(user),
            evidence=(f"firewall-cmd --get-zone-of-interface=docker0: {wall.zone or 'no zone'}",),
        )


def _restart(user: User) -> str:
    return f"Let Docker write its rules again: `{as_root(user, 'systemctl', 'restart', 'docker')}`."


def _unmanaged(user: User) -> str:
    again = as_root(user, "systemctl", "restart", "docker")
    return f'Remove `"iptables": false` from /etc/docker/daemon.json, then run `{again}`.'


def _body(chain: str) -> str:
    """Return a chain's rules, without the line that names its hook and policy."""
    return "\n".join(line for line in chain.splitlines() if "policy" not in line)


def drop_chains(listed: str) -> tuple[tuple[str, str, str], ...]:
    """Return (family, table, chain) of each chain that drops forwarded packets by its policy.

    listed: what `nft list chains` prints. Tables of Docker, firewalld and of iptables (`ip filter` with its chain
    FORWARD) are left out: their rules are judged in other ways.
    """
    found, family, table, chain = [], "", "", ""
    for line in listed.splitlines():
        if head := re.match(r"\s*table (\w+) (\S+) \{", line):
            family, table = head[1], head[2]
        elif head := re.match(r"\s*chain (\S+) \{", line):
            chain = head[1]
        elif re.search(r"\bhook forward\b.*\bpolicy drop\b", line) and _is_users(family, table, chain):
            found.append((family, table, chain))
    return tuple(found)


def _is_users(family: str, table: str, chain: str) -> bool:
    return family in {"ip", "inet"} and chain != "FORWARD" and not table.startswith(("docker", "firewalld"))


def _chains(rules: str) -> dict[str, list[str]]:
    """Return the lines of each chain of iptables."""
    found: dict[str, list[str]] = {"FORWARD": []}
    for line in rules.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] in {"-P", "-A"}:
            found.setdefault(words[1], []).append(line.strip())
    return found


def _lets_pass(rules: Mapping[str, list[str]]) -> bool:
    """Return whether some packet besides replies and pings may pass by the chain FORWARD and those that it leads to."""
    seen, coming = set(), ["FORWARD"]
    while coming:
        chain = coming.pop()
        seen.add(chain)
        for line in rules.get(chain, ()):
            to = (_JUMP.search(line) or ("", ""))[1]
            if to == "ACCEPT" and not _LIMITED.search(line):
                return True
            if to in rules and to not in seen:
                coming.append(to)
    return False
