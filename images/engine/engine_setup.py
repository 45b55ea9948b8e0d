"""Set up a private engine on the host (configuration, addresses, bridge, rules), and undo all of it."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import engine_proc
import host_net
from engine_dir import EngineDir, EngineError, State, read_state, run
from engine_packages import link_compose

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
FAMILIES = {"iptables": socket.AF_INET, "ip6tables": socket.AF_INET6}
# folders that containerd and dockerd make outside of their configured ones, and leave empty
FOLDERS = (
    "/run/containerd/s",
    "/run/containerd",
    "/run/docker/plugins",
    "/run/docker",
    "/opt/containerd/bin",
    "/opt/containerd/lib",
    "/opt/containerd",
)


def daemon_config(where: EngineDir, state: State, mtu: int | None) -> dict[str, object]:
    """Return dockerd's configuration: everything below one folder, a separate bridge and address range."""
    config: dict[str, object] = {
        "hosts": [where.host],
        "data-root": str(where.data),
        "exec-root": str(where.run / "exec"),
        "pidfile": str(where.pidfile),
        "bridge": where.bridge,
        "default-address-pools": [host_net.network_pool(IPv4Network(state.subnet))],
        "cgroup-parent": where.cgroup,
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "shutdown-timeout": 10,
    }
    if mtu is not None and mtu < 1500:
        config["mtu"] = mtu
        if state.engine != "20.10":
            config["default-network-opts"] = {"bridge": {"com.docker.network.driver.mtu": str(mtu)}}
    if state.engine == "20.10":
        config["deprecated-key-path"] = str(where.root / "key.json")  # else it writes to /etc/docker
        config["features"] = {"buildkit": True}  # the default from 23 on
    else:
        config["features"] = {"cdi": True}
        if state.cdi_dirs:
            config["cdi-spec-dirs"] = list(state.cdi_dirs)
    return config


def iptables(where: EngineDir, name: str) -> str:
    own = where.bin / name
    return str(own) if own.exists() else shutil.which(name) or name


def saved_rules(where: EngineDir, name: str) -> str:
    """Return iptables-save's text; "" if the kernel has no such tables."""
    try:
        return run((iptables(where, f"{name}-save"),), echo=False)
    except EngineError:
        return ""


def neighbour(where: EngineDir) -> State | None:
    """Return what another running private engine found before it started: the machine as it was before both."""
    for pid in engine_proc.other_engines(where, engine_proc.is_engine):
        root = engine_proc.private_root(engine_proc.cmdline_of(pid))
        if root is not None and EngineDir(root).marker.exists() and (state := read_state(EngineDir(root))):
            return state
    return None


def decide(where: EngineDir, engine: str, compose: str) -> State:
    """Return the state of the machine before we change it."""
    taken = [network for _, network in host_net.routes(Path("/proc/net/route").read_text())]
    saved = {name: saved_rules(where, name) for name in ("iptables", "ip6tables")}
    found = State(
        engine=engine,
        compose=compose,
        subnet=str(host_net.free_subnet(where.tag, taken)),
        ip_forward_before=FORWARDING.read_text().strip(),
        forward_policy_before={name: host_net.forward_policy(text) for name, text in saved.items()},
        tables_before={name: host_net.tables(text) for name, text in saved.items()},
        docker_chains_before=host_net.has_docker_chains(saved["iptables"]),
    )
    other = neighbour(where)
    if other is None:
        return found
    return replace(
        found,
        ip_forward_before=other.ip_forward_before,
        forward_policy_before=other.forward_policy_before,
        tables_before=other.tables_before,
        docker_chains_before=other.docker_chains_before,
    )


def default_mtu() -> int | None:
    interface = host_net.default_interface(Path("/proc/net/route").read_text())
    return int(Path("/sys/class/net", interface, "mtu").read_text()) if interface else None


def lay_guest_rules(where: EngineDir, state: State) -> None:
    present = saved_rules(where, "iptables")
    if f"stackctl-{where.tag}" in present:
        return
    for rule in host_net.guest_rules(where.tag, IPv4Network(state.subnet)):
        run((iptables(where, "iptables"), *rule), echo=False)
    FORWARDING.write_text("1")


def prepare(where: EngineDir, wanted: State, distro: str, host: str) -> None:
    """Make everything that dockerd needs before its start: Compose, configuration, bridge."""
    link_compose(where, wanted.compose, distro, host)
    for folder in (where.run, where.data):
        folder.mkdir(parents=True, exist_ok=True, mode=0o711)
    where.daemon_json.write_text(json.dumps(daemon_config(where, wanted, default_mtu()), indent=1) + "\n")
    host_net.make_bridge(where.bridge, host_net.bridge_address(IPv4Network(wanted.subnet)))
    if engine_proc.is_guest(where):
        lay_guest_rules(where, wanted)


def give_back(where: EngineDir, state: State) -> None:
    """Restore bridges, iptables rules, forwarding and cgroups; what another engine uses stays."""
    store = where.data / "network" / "files" / "local-kv.db"
    bridges = [where.bridge, *sorted(host_net.compose_bridges(store.read_bytes()) if store.exists() else ())]
    owned = engine_proc.other_engines(where, engine_proc.owns_docker_chains)
    clear_rules(where, state, bridges, docker_chains=not (owned or state.docker_chains_before))
    for bridge in bridges:
        host_net.delete_bridge(bridge)
    alone = not engine_proc.other_engines(where, engine_proc.is_engine)
    if alone:
        FORWARDING.write_text(state.ip_forward_before)
    for folder in [*engine_proc.cgroup_folders(where), *(map(Path, FOLDERS) if alone else ())]:
        with contextlib.suppress(OSError):  # not empty, so another program's; or missing
            folder.rmdir()


def clear_rules(where: EngineDir, state: State, bridges: list[str], *, docker_chains: bool) -> None:
    for name, policy in state.forward_policy_before.items():
        saved = saved_rules(where, name)
        text = host_net.scrub(saved, tag=where.tag, bridges=bridges, docker_chains=docker_chains, forward_policy=policy)
        if text:
            run((iptables(where, f"{name}-restore"), "--noflush"), stdin=text, echo=False)
        emptied = host_net.empty_tables(saved_rules(where, name)) if docker_chains else []
        for table in set(emptied) - set(state.tables_before.get(name, ())):
            host_net.delete_table(FAMILIES[name], table)
