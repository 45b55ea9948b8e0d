"""Ports, subnets and firewalls."""

from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.finding import CheckResult
from stackctl.contracts.json_table import parse_table
from stackctl.contracts.service import Network, Publish
from stackctl.core.config.spec import AUTO, Spec
from stackctl.core.doctor import addresses, firewall
from stackctl.core.doctor.addresses import Route
from stackctl.core.doctor.engine_service import DAEMON_JSON
from stackctl.core.doctor.firewall import Firewall
from stackctl.core.plan.plan import stack_name
from stackctl.core.plan.subnets import gateway
from stackctl.core.tavern import container as tavern
from stackctl.steps.doctor.check import Check, Looks
from stackctl.steps.doctor.machine import shares_kernel

_ELSEWHERE: Final = "the engine has another network"
_SYSCTL: Final = (PurePosixPath("/etc/sysctl.d"), PurePosixPath("/etc/sysctl.conf"))
_IP_FORWARD: Final = PurePosixPath("/proc/sys/net/ipv4/ip_forward")
_OWN_NETWORK: Final = PurePosixPath("/proc/self/ns/net")
_UFW: Final = (PurePosixPath("/etc/ufw/ufw.conf"), PurePosixPath("/etc/default/ufw"))
_FIREWALLD: Final = PurePosixPath("/run/firewalld.pid")
_MOST_CHAINS: Final = 4


def _ports(looks: Looks) -> CheckResult:
    looks.engine()
    docker, plan, spec = looks.machine.docker, looks.plan(), looks.spec()
    wanted = tuple(one for service in plan.services for one in service.publish) if plan else _fixed_port(spec)
    if not wanted:
        return CheckResult(untried="a deploy will choose a free port", applies=False)
    theirs, own = docker.published(plan.name if plan else stack_name(spec, looks.machine.place))
    holders: dict[tuple[str, int], str] = {}
    for one in wanted:
        here = looks.machine.host.listening(one.address) if docker.is_local else {}
        if one.port not in own and (holder := {**here, **theirs}.get(one.port)):
            holders[one.address, one.port] = holder
    findings = addresses.judge_ports(wanted, holders, is_deployed=plan is not None)
    return CheckResult(findings=findings, says=", ".join(one.place for one in wanted[:2]))


def _fixed_port(spec: Spec) -> tuple[Publish, ...]:
    wanted = spec.sillytavern
    if wanted.port == AUTO or wanted.proxy.is_wanted:
        return ()
    return (Publish(address=wanted.bind, port=int(wanted.port), target=tavern.PORT),)


def _subnets(looks: Looks) -> CheckResult:
    if not _shares_network(looks):
        return CheckResult(untried=_ELSEWHERE)
    host, plan = looks.machine.host, looks.plan()
    networks = tuple(one for one in plan.networks if not one.existing) if plan else _fixed_networks(looks.spec())
    if not networks:
        return CheckResult(untried="a deploy will choose free subnets", applies=False)
    routes = [Route(interface=name, network=network) for name, network in host.routes_by_interface()]
    findings = addresses.judge_subnets(networks, routes, host.interfaces())
    return CheckResult(findings=findings, says=", ".join(one.subnet for one in networks))


def _fixed_networks(spec: Spec) -> tuple[Network, ...]:
    fixed = {"inner": spec.network.inner, "edge": spec.network.edge}
    return tuple(
        Network(name=name, subnet=subnet, gateway=gateway(subnet), internal=name == "inner")
        for name, subnet in fixed.items()
        if subnet != AUTO
    )


def _pools(looks: Looks) -> CheckResult:
    details = looks.details()
    theirs, own = looks.machine.docker.subnets("")
    taken: set[IPv4Network] = {*theirs, *own}
    return CheckResult(
        findings=addresses.judge_pools(details.pools, taken),
        says=f"{len(taken)} {'subnet' if len(taken) == 1 else 'subnets'} in use",
    )


def _forwarding(looks: Looks) -> CheckResult:
    details, system = looks.details(), looks.machine.system
    files: dict[str, str] = {}
    here = (system.text(_IP_FORWARD) or "").strip() if _shares_network(looks) else ""
    if here:  # the engine looks once, when it starts
        details = replace(details, forwards=here != "0")
    if here == "0":
        folder, single = _SYSCTL
        for path in (single, *(folder / name for name in system.names(folder) if name.endswith(".conf"))):
            files[str(path)] = system.text(path) or ""
    return CheckResult(findings=firewall.judge_forwarding(details, files, system.user()), says="on")


def _shares_network(looks: Looks) -> bool:
    """Return whether the engine's network is ours; as a user who can't see that, it is assumed."""
    system, pid = looks.machine.system, looks.details().pid
    theirs = system.identity(PurePosixPath(f"/proc/{pid}/ns/net")) if pid else None
    is_ours = theirs is None or theirs == system.identity(_OWN_NETWORK)
    return shares_kernel(looks) and is_ours


def _firewall(looks: Looks) -> CheckResult:
    details, system = looks.details(), looks.machine.system
    if not _shares_network(looks):
        return CheckResult(untried=_ELSEWHERE)
    if "rootless" in details.security:
        return CheckResult(untried="a rootless engine uses no firewall of this machine", applies=False)
    wall = _look_at_firewall(looks)
    findings = firewall.judge_firewall(wall, system.user())
    if not findings and wall.rules is None and wall.chains is None:
        is_root = system.user().uid == 0
        has_program = bool(system.program("iptables") or system.program("nft"))
        here = "the firewall's rules could not be read" if has_program else "neither iptables nor nft is installed"
        why = here if is_root else "only root may read the firewall's rules"
        return CheckResult(untried=why)
    return CheckResult(findings=findings, says="it lets what containers send pass")


def _look_at_firewall(looks: Looks) -> Firewall:
    system = looks.machine.system
    on, policy = (system.text(one) or "" for one in _UFW)
    has_firewalld = system.exists(_FIREWALLD) and bool(system.program("firewall-cmd"))
    return Firewall(
        rules=_rules(looks),
        chains=_dropping_chains(looks),
        has_firewalld=has_firewalld,
        zone=_zone(looks) if has_firewalld else None,
        is_managed=parse_table(system.text(DAEMON_JSON) or "{}").get("iptables") is not False,
        has_ufw="ENABLED=yes" in on.splitlines(),
        ufw_policy=next(
            (
                line.partition("=")[2].strip("\"' ")
                for line in policy.splitlines()
                if line.startswith("DEFAULT_FORWARD_")
            ),
            "",
        ),
    )


def _rules(looks: Looks) -> str | None:
    """Return the rules of iptables; None if this user may not read them, or has no iptables."""
    system = looks.machine.system
    if system.user().uid != 0:
        return None
    shown = system.ask(("iptables", "-S"), within_s=looks.left_s(1.0))
    return shown.out if shown.code == 0 else None


def _dropping_chains(looks: Looks) -> dict[str, str] | None:
    """Return the chains of nftables that drop forwarded packets by their policy, with their rules; None as above."""
    system = looks.machine.system
    if system.user().uid != 0:
        return None
    listed = system.ask(("nft", "list", "chains"), within_s=looks.left_s(1.0))
    if listed.code != 0:
        return None
    found = {}
    for place in firewall.drop_chains(listed.out)[:_MOST_CHAINS]:
        shown = system.ask(("nft", "list", "chain", *place), within_s=looks.left_s(0.5))
        if shown.code == 0:
            found[" ".join(place)] = shown.out
    return found


def _zone(looks: Looks) -> str | None:
    """Return firewalld's zone of the engine's bridge, "" for none; None if it does not tell."""
    shown = looks.machine.system.ask(("firewall-cmd", "--get-zone-of-interface=docker0"), within_s=looks.left_s(1.0))
    if shown.code == 0:
        return shown.out.strip()
    return "" if "no zone" in f"{shown.out} {shown.err}" else None


CHECKS: Final[tuple[Check, ...]] = (
    Check(name="ports", title="the stack's ports are free, or its own", run=_ports),
    Check(name="subnets", title="the stack's subnets lead nowhere else", run=_subnets),
    Check(name="address pools", title="the engine has subnets left", run=_pools),
    Check(name="forwarding", title="the kernel forwards packets", run=_forwarding),
    Check(name="firewall", title="the firewall lets containers' packets pass", run=_firewall),
)
