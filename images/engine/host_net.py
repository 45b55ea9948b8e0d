"""What a private engine shares with the host: routes, bridges, iptables. Choosing and cleaning up are pure."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import ipaddress
import re
import socket
import struct
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network

from engine_dir import EngineError

SIOCSIFADDR, SIOCSIFNETMASK, SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8916, 0x891C, 0x8913, 0x8914
SIOCBRADDBR, SIOCBRDELBR = 0x89A0, 0x89A1
IFF_UP = 1
# linux/netfilter/nfnetlink.h, nf_tables.h
NETLINK_NETFILTER, SUBSYS_NFTABLES, BATCH_BEGIN, BATCH_END, DELETE_TABLE, TABLE_NAME = 12, 10, 0x10, 0x11, 2, 1
NLM_REQUEST, NLM_ACK = 1, 4
PREFIX = 16  # of an engine's networks
DOCKER0 = IPv4Network("172.17.0.0/16")


def routes(proc_net_route: str) -> list[tuple[str, IPv4Network]]:
    """Return (interface, network) of every route except default ones, from the text of /proc/net/route."""
    found = []
    for line in proc_net_route.splitlines()[1:]:
        words = line.split()
        address, mask = (struct.unpack("=I", struct.pack("!I", int(words[i], 16)))[0] for i in (1, 7))
        if mask:
            found.append((words[0], IPv4Network((address, mask.bit_count()))))
    return found


def default_interface(proc_net_route: str) -> str | None:
    for line in proc_net_route.splitlines()[1:]:
        words = line.split()
        if words[1] == words[7] == "00000000":
            return words[0]
    return None


def free_subnet(tag: str, taken: Iterable[IPv4Network]) -> IPv4Network:
    """Return a /16 for one engine, apart from docker0's and from every route; a folder usually gets the same again.

    If a VPN's routes leave none, return one inside the widest route: the bridge's /24 takes precedence there.
    """
    networks = list(taken)
    tens = [IPv4Network(f"10.{n}.0.0/16") for n in range(128, 255)]
    start = int(hashlib.sha256(tag.encode()).hexdigest(), 16) % len(tens)
    others = [IPv4Network(f"172.{n}.0.0/16") for n in range(18, 32)] + [IPv4Network("192.168.0.0/16")]
    for bearable in sorted({0, *(network.prefixlen for network in networks if network.prefixlen < PREFIX)}):
        blocked = [DOCKER0, *(network for network in networks if network.prefixlen > bearable)]
        for candidate in [*tens[start:], *tens[:start], *others]:
            if not any(candidate.overlaps(network) for network in blocked):
                return candidate
    raise EngineError("every private IPv4 range has a route on this machine", "Free one, for example by leaving a VPN.")


def bridge_address(subnet: IPv4Network) -> ipaddress.IPv4Interface:
    """Return the bridge's address, in the first /24."""
    return ipaddress.IPv4Interface(f"{subnet.network_address + 1}/24")


def network_pool(subnet: IPv4Network) -> dict[str, object]:
    """Return the upper half, from which Compose's networks get /24s."""
    upper = list(subnet.subnets(1))[1]
    return {"base": str(upper), "size": 24}


def _ifreq(name: str, payload: bytes = b"") -> bytes:
    return struct.pack("16s24s", name.encode(), payload)


def _address(address: ipaddress.IPv4Address) -> bytes:
    return struct.pack("=HH4s", socket.AF_INET, 0, address.packed)


def exists(interface: str) -> bool:
    return interface in {name for _, name in socket.if_nameindex()}


def _flag_up(sock: socket.socket, interface: str, *, up: bool) -> None:
    answer = fcntl.ioctl(sock, SIOCGIFFLAGS, _ifreq(interface))
    flags = struct.unpack_from("=H", answer, 16)[0]
    flags = flags | IFF_UP if up else flags & ~IFF_UP
    fcntl.ioctl(sock, SIOCSIFFLAGS, _ifreq(interface, struct.pack("=H", flags)))


def make_bridge(name: str, address: ipaddress.IPv4Interface) -> None:
    """Make a bridge by ioctl, because a minimal machine has no `ip` program."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            if not exists(name):
                fcntl.ioctl(sock, SIOCBRADDBR, struct.pack("16s", name.encode()))
            fcntl.ioctl(sock, SIOCSIFADDR, _ifreq(name, _address(address.ip)))
            fcntl.ioctl(sock, SIOCSIFNETMASK, _ifreq(name, _address(address.netmask)))
            _flag_up(sock, name, up=True)
        except OSError as e:
            raise EngineError(
                f"the bridge {name} cannot be made: {e.strerror}", "Check that the kernel has its bridge module."
            ) from e


def delete_bridge(name: str) -> None:
    if not exists(name):
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            _flag_up(sock, name, up=False)
            fcntl.ioctl(sock, SIOCBRDELBR, struct.pack("16s", name.encode()))
        except OSError as e:
            raise EngineError(f"the bridge {name} cannot be deleted: {e.strerror}") from e


def compose_bridges(network_store: bytes) -> set[str]:
    """Return the bridges that an engine made, from its network store, even if the engine itself is gone."""
    return {found.decode() for found in re.findall(rb"br-[0-9a-f]{12}", network_store)}


def forward_policy(saved: str) -> str:
    """Return the policy of filter's FORWARD chain in iptables-save's text."""
    match = re.search(r"^\*filter\n(?:.*\n)*?:FORWARD (\w+)", saved, re.MULTILINE)
    return match[1] if match else "ACCEPT"


def tables(saved: str) -> list[str]:
    """Return the tables in iptables-save's text."""
    return re.findall(r"^\*(\w+)$", saved, re.MULTILINE)


def empty_tables(saved: str) -> list[str]:
    """Return the tables without a rule, a user-defined chain or a policy."""
    found = []
    for table in re.split(r"^COMMIT$", saved, flags=re.MULTILINE):
        head = re.search(r"^\*(\w+)$", table, re.MULTILINE)
        if head and not re.search(r"^-A |^:\S+ (?!ACCEPT)", table, re.MULTILINE):
            found.append(head[1])
    return found


def delete_table_message(family: socket.AddressFamily, table: str) -> bytes:
    """Return the message that `nft delete table` sends: one change, wrapped in a batch."""

    def message(kind: int, flags: int, family: int, resource: int, payload: bytes = b"") -> bytes:
        body = struct.pack("=BB", family, 0) + struct.pack("!H", resource) + payload
        return struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body

    name = table.encode() + b"\0"
    attribute = struct.pack("=HH", 4 + len(name), TABLE_NAME) + name
    padded = attribute + bytes(-len(attribute) % 4)
    begin = message(BATCH_BEGIN, NLM_REQUEST, 0, SUBSYS_NFTABLES)
    delete = message(SUBSYS_NFTABLES << 8 | DELETE_TABLE, NLM_REQUEST | NLM_ACK, family, 0, padded)
    return begin + delete + message(BATCH_END, NLM_REQUEST, 0, SUBSYS_NFTABLES)


def delete_table(family: socket.AddressFamily, table: str) -> None:
    """Drop an nftables table that iptables made; do nothing if there is none (legacy iptables)."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as sock:
        sock.settimeout(2)
        sock.send(delete_table_message(family, table))
        sock.recv(4096)


def has_docker_chains(saved: str) -> bool:
    return re.search(r"^:DOCKER\b", saved, re.MULTILINE) is not None


def guest_rules(tag: str, subnet: IPv4Network) -> list[tuple[str, ...]]:
    """Return rules like those of an engine, for one that must leave the DOCKER chains to another engine.

    They are appended, so the other engine's isolation comes first. br-+ to br-+: with bridge-nf-call-iptables, frames
    within one bridge pass FORWARD, too, whose policy the other engine may have set to DROP.
    """
    own = str(subnet)
    comment = ("-m", "comment", "--comment", f"stackctl-{tag}")
    return [
        ("-A", "FORWARD", "-s", own, *comment, "-j", "ACCEPT"),
        ("-A", "FORWARD", "-d", own, *comment, "-j", "ACCEPT"),
        ("-A", "FORWARD", "-i", "br-+", "-o", "br-+", *comment, "-j", "ACCEPT"),
        ("-t", "nat", "-A", "POSTROUTING", "-s", own, "!", "-d", own, *comment, "-j", "MASQUERADE"),
    ]


def scrub(saved: str, *, tag: str, bridges: Sequence[str], docker_chains: bool, forward_policy: str) -> str:
    """Return the input of `iptables-restore --noflush` that removes an engine's rules from iptables-save's text.

    Only rules that name our bridges or our mark are removed, unless `docker_chains` says that Docker's chains are ours.
    """
    ours = {f"stackctl-{tag}", *bridges}
    lines: list[str] = []
    for table in re.split(r"^COMMIT$", saved, flags=re.MULTILINE):
        head = re.search(r"^\*(\w+)$", table, re.MULTILINE)
        if head is None:
            continue
        chains = [name for name in re.findall(r"^:(\S+) -", table, re.MULTILINE) if name.startswith("DOCKER")]
        chains = chains if docker_chains else []
        deleted = []
        for rule in re.findall(r"^-A (.*)$", table, re.MULTILINE):
            chain, *words = rule.replace('"', "").split()
            if chain not in chains and (ours | set(chains)) & set(words):
                deleted.append(f"-D {rule}")
        policy = [f":FORWARD {forward_policy} [0:0]"] if head[1] == "filter" and docker_chains else []
        flush = [f"-F {chain}" for chain in chains] + [f"-X {chain}" for chain in chains]
        if deleted or flush or policy:
            lines += [head[0], *policy, *deleted, *flush, "COMMIT"]
    return "".join(line + "\n" for line in lines)
