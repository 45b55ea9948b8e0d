#!/usr/bin/env python3
"""A private Docker Engine in the checkout's own folder, for machines that have none; see README.md beside it.

Runs on a bare Python, before any virtual environment exists: standard library only.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from pathlib import Path

import apt_sources
import engine_proc
import engine_rootfs
import host_net
from engine_dir import INSTALL_HINT, EngineDir, EngineError, State, claim, read_state, run, say, write_state

CHECKOUT = Path(__file__).resolve().parents[2]
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
# which Debian suite carries which version
ENGINES = {"28": "forky", "26": "trixie", "20.10": "bookworm"}
COMPOSES = {"2.40": "forky", "2.26": "trixie"}
CLIENT_SUITE = "forky"
IPTABLES = (
    "iptables",
    "libip4tc2",
    "libip6tc2",
    "libxtables12",
    "libnftnl11",
    "libmnl0",
    "libnfnetlink0",
    "libnetfilter-conntrack3",
)


@dataclass(frozen=True)
class Package:
    """A package, and the suite to take it from."""

    suite: str
    name: str


def packages(host: str, engine: str) -> list[Package]:
    """What one engine consists of.

    Go programs need nothing but libc and come from any suite; what links the system's libraries (runc, iptables)
    comes from the machine's own.
    """
    suite = ENGINES[engine]
    init = "tini-static" if suite == "forky" else "tini"
    daemon = ["docker.io", "containerd", init, *(["libdevmapper1.02.1"] if engine == "20.10" else [])]
    return [
        *(Package(host, name) for name in ("runc", *IPTABLES)),
        *(Package(suite, name) for name in daemon),
        *(Package(CLIENT_SUITE, name) for name in ("docker-cli", "docker-buildx")),
    ]


def ubuntu_packages(host: str) -> list[Package]:
    """Ubuntu's own release has all of it, and no other release is in its mirror's reach. Not run yet."""
    names = ("docker.io", "containerd", "docker-buildx", "runc", "tini", *IPTABLES)
    return [Package(host, name) for name in names]


def daemon_config(where: EngineDir, state: State, mtu: int | None) -> dict[str, object]:
    """dockerd's configuration: everything below one folder, its own bridge, its own range of addresses."""
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
    else:
        config["features"] = {"cdi": True}
        if state.cdi_dirs:
            config["cdi-spec-dirs"] = list(state.cdi_dirs)
    return config


def env_lines(where: EngineDir) -> list[str]:
    """What a shell evaluates to use the private engine."""
    return [
        f"export DOCKER_HOST={shlex.quote(where.host)}",
        f"export DOCKER_CONFIG={shlex.quote(str(where.config))}",
        f'export PATH={shlex.quote(str(where.client))}:"$PATH"',
        "unset DOCKER_CONTEXT",
    ]


def os_release(text: str) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key: value.strip("\"'") for key, value in pairs}


def distribution() -> tuple[str, str]:
    """('debian', 'bookworm') or ('ubuntu', 'noble'); anything else is refused with the ways to get an engine."""
    path = Path("/etc/os-release")
    found = os_release(path.read_text()) if path.exists() else {}
    name, codename = found.get("ID", "this system"), found.get("VERSION_CODENAME", "")
    if name not in ("debian", "ubuntu") or not codename:
        pretty = found.get("PRETTY_NAME", name)
        raise EngineError(f"no Docker Engine answers, and a private one needs Debian or Ubuntu, not {pretty}", INSTALL_HINT)
    return name, codename


def fetched(where: EngineDir, wanted: Sequence[Package], host: str) -> list[Path]:
    """The prefixes that hold the packages, downloaded where they are missing."""
    suites = dict.fromkeys(package.suite for package in wanted)
    return [
        apt_sources.fetch(where.packages / suite, host, suite, [p.name for p in wanted if p.suite == suite])
        for suite in suites
    ]


def tool(prefixes: Sequence[Path], name: str) -> Path:
    for prefix in prefixes:
        for folder in ("usr/sbin", "usr/bin", "sbin", "bin", "usr/libexec/docker/cli-plugins"):
            if (prefix / folder / name).exists():
                return prefix / folder / name
    raise EngineError(f"the packages hold no program {name}", "run `down`, then `up`")


def library_path(program: Path, prefixes: Sequence[Path]) -> list[Path]:
    """The library folders of the prefix that a program lies in."""
    own = [prefix for prefix in prefixes if program.is_relative_to(prefix)]
    return [path for prefix in own for path in (*prefix.glob("usr/lib/*-linux-gnu*"), *prefix.glob("lib/*-linux-gnu*"))]


def link(target: Path, program: Path, prefixes: Sequence[Path], name: str | None = None) -> None:
    """Put a program where it is looked for; one that has libraries of its own, behind a script."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    libraries = library_path(program, prefixes)
    if not libraries:
        target.symlink_to(program)
        return
    variables = {"LD_LIBRARY_PATH": ":".join(map(str, libraries))}
    extensions = next((p / "xtables" for p in libraries if (p / "xtables").is_dir()), None)
    if extensions is not None:
        variables["XTABLES_LIBDIR"] = str(extensions)
    target.write_text(apt_sources.shell_wrapper(program, variables, name))
    target.chmod(0o755)


def link_all(where: EngineDir, prefixes: Sequence[Path]) -> None:
    daemon = ("dockerd", "containerd", "containerd-shim-runc-v2", "ctr", "runc", "docker-proxy")
    for name in daemon:
        link(where.bin / name, tool(prefixes, name), prefixes)
    link(where.bin / "docker-init", tool(prefixes, "tini-static"), ())
    link(where.client / "docker", tool(prefixes, "docker"), ())
    link(where.config / "cli-plugins" / "docker-buildx", tool(prefixes, "docker-buildx"), ())
    if shutil.which("iptables") is None:
        link_iptables(where, prefixes)


def link_iptables(where: EngineDir, prefixes: Sequence[Path]) -> None:
    """The kernel may know nftables or only the old tables: take what works."""
    for flavour in ("xtables-nft-multi", "xtables-legacy-multi"):
        for name in ("iptables", "ip6tables"):
            for ending in ("", "-save", "-restore"):
                link(where.bin / (name + ending), tool(prefixes, flavour), prefixes, name + ending)
        tried = subprocess.run((where.bin / "iptables", "-t", "nat", "-S"), capture_output=True, check=False)
        if tried.returncode == 0:
            return
    raise EngineError("iptables does not work on this kernel", tried.stderr.decode(errors="replace").strip())


def compose_binary(where: EngineDir, version: str, distro: str, host: str) -> Path:
    """One Compose beside others, as a program of its own."""
    kept = where.root / "compose" / version / "docker-compose"
    if not kept.exists():
        package, suite = ("docker-compose-v2", host) if distro == "ubuntu" else ("docker-compose", COMPOSES[version])
        prefixes = fetched(where, [Package(suite, package)], host)
        link(kept, tool(prefixes, "docker-compose"), ())
    return kept


def iptables(where: EngineDir, name: str) -> str:
    own = where.bin / name
    return str(own) if own.exists() else shutil.which(name) or name


def saved_rules(where: EngineDir, name: str) -> str:
    """iptables-save's text; nothing where the kernel has no such tables."""
    try:
        return run((iptables(where, f"{name}-save"),), echo=False)
    except EngineError:
        return ""


def decide(where: EngineDir, engine: str, compose: str) -> State:
    """Look at the machine as it is before we change it."""
    taken = [network for _, network in host_net.routes(Path("/proc/net/route").read_text())]
    saved = {name: saved_rules(where, name) for name in ("iptables", "ip6tables")}
    owners = engine_proc.other_engines(where, engine_proc.owns_docker_chains)
    return State(
        engine=engine,
        compose=compose,
        subnet=str(host_net.free_subnet(where.tag, taken)),
        guest=bool(owners),
        ip_forward_before=FORWARDING.read_text().strip(),
        forward_policy_before={name: host_net.forward_policy(text) for name, text in saved.items()},
        docker_chains_before=host_net.has_docker_chains(saved["iptables"]),
    )


def default_mtu() -> int | None:
    interface = host_net.default_interface(Path("/proc/net/route").read_text())
    return int(Path("/sys/class/net", interface, "mtu").read_text()) if interface else None


def lay_guest_rules(where: EngineDir, state: State) -> None:
    present = saved_rules(where, "iptables")
    if f"stackctl-{where.tag}" in present:
        return
    for rule in host_net.guest_rules(where.tag, where.bridge, IPv4Network(state.subnet)):
        run((iptables(where, "iptables"), *rule), echo=False)
    FORWARDING.write_text("1")


def users_engine() -> str | None:
    """The version of the engine that the user's own docker reaches (DOCKER_HOST, or the current context)."""
    return engine_proc.server_version(("docker",)) if shutil.which("docker") else None


def consent(where: EngineDir, *, asked_before: bool, yes: bool) -> None:
    """Say what happens to the machine; on a terminal, ask."""
    if asked_before:
        return
    say("No Docker Engine answers. This starts a private one, as root:")
    say(f"  - downloads some 130 MB of Debian's packages and unpacks them in {where.root} (nothing is installed)")
    say(f"  - runs dockerd and containerd from there, with a bridge {where.bridge} and iptables rules of their own")
    if FORWARDING.read_text().strip() == "0":
        say("  - turns IPv4 forwarding on (net.ipv4.ip_forward is 0 now; `down` sets it back)")
    say("  `engine.py down` (make demo-down) stops it and removes all of this.")
    if yes or os.environ.get("YES") == "1" or os.environ.get("CI"):
        return
    if not sys.stdin.isatty():
        raise EngineError("there is no terminal to ask on", "say yes beforehand: YES=1")
    say("Go on? [y/N] ")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise EngineError("not started, as you said", INSTALL_HINT)


@contextmanager
def locked(where: EngineDir) -> Iterator[None]:
    with (where.root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare(where: EngineDir, wanted: State, distro: str, host: str) -> None:
    """Programs, configuration, bridge: all that must be there before dockerd starts."""
    where.config.mkdir(parents=True, exist_ok=True)
    plugin = compose_binary(where, wanted.compose, distro, host)
    link(where.config / "cli-plugins" / "docker-compose", plugin, ())
    for folder in (where.run, where.data):
        folder.mkdir(parents=True, exist_ok=True, mode=0o711)
    where.daemon_json.write_text(json.dumps(daemon_config(where, wanted, default_mtu()), indent=1) + "\n")
    host_net.make_bridge(where.bridge, host_net.bridge_address(IPv4Network(wanted.subnet)))
    if wanted.guest:
        lay_guest_rules(where, wanted)


def up(args: argparse.Namespace) -> int:
    began = time.monotonic()
    where = EngineDir((args.dir or CHECKOUT / ".engine").resolve())
    if args.dir is None and args.engine is None and (version := users_engine()):
        say(f"Docker Engine {version} answers already: it is used as it is.")
        return 0
    distro, host = distribution()
    if os.geteuid() != 0:
        raise EngineError("no Docker Engine answers, and only root can start a private one", INSTALL_HINT)
    if distro == "ubuntu" and args.engine is not None:
        raise EngineError("--engine takes Debian's packages; this is Ubuntu")
    consent(where, asked_before=where.state_file.exists(), yes=args.yes)
    claim(where)
    with locked(where):
        state = read_state(where)
        if state and (version := engine_proc.server_version(engine_proc.docker(where))):
            say(f"The private Docker Engine {version} runs already ({where.host}).")
            return 0
        engine = args.engine or (state.engine if state else "28")
        if state and state.engine != engine:
            raise EngineError(f"{where.root} holds engine {state.engine}", "name another folder with --dir")
        wanted = ubuntu_packages(host) if distro == "ubuntu" else packages(host, engine)
        link_all(where, fetched(where, wanted, host))
        state = state or decide(where, engine, args.compose or "2.40")
        state = replace(
            state,
            compose=args.compose or state.compose,
            path_extra=tuple(str(path.resolve()) for path in args.path_extra) or state.path_extra,
            cdi_dirs=tuple(str(path.resolve()) for path in args.cdi_dir) or state.cdi_dirs,
        )
        write_state(where, state)
        prepare(where, state, distro, host)
        version = engine_proc.start(where, state)
    say(f"Docker Engine {version} runs at {where.host} ({time.monotonic() - began:.0f} s).")
    return 0


def down(args: argparse.Namespace) -> int:
    where = EngineDir((args.dir or CHECKOUT / ".engine").resolve())
    if not where.root.exists():
        say("There is no private engine here.")
        return 0
    if not where.marker.exists():
        raise EngineError(f"{where.root} is not the folder of a private engine: nothing is deleted")
    if os.geteuid() != 0 and where.state_file.exists():
        raise EngineError("only root can stop the private engine", "sudo make demo-down")
    with locked(where):
        state = read_state(where)
        if state is not None:
            engine_proc.stop(where)
            for folder in (where.root, where.run):
                engine_rootfs.unmount_below(folder)
            give_back(where, state)
        for folder in (where.run, where.root):
            shutil.rmtree(folder, ignore_errors=folder != where.root)
    say(f"The private engine is gone, and {where.root} with it.")
    return 0


def give_back(where: EngineDir, state: State) -> None:
    """Bridges, iptables rules, forwarding and cgroups as they were before."""
    store = where.data / "network" / "files" / "local-kv.db"
    composed = host_net.compose_bridges(store.read_bytes()) if store.exists() else set()
    bridges = [where.bridge, *sorted(composed)]
    ours = not (state.guest or state.docker_chains_before)
    ours = ours and not engine_proc.other_engines(where, engine_proc.owns_docker_chains)
    for name, policy in state.forward_policy_before.items():
        text = host_net.scrub(
            saved_rules(where, name), tag=where.tag, bridges=bridges, docker_chains=ours, forward_policy=policy
        )
        if text:
            run((iptables(where, f"{name}-restore"), "--noflush"), stdin=text, echo=False)
    for bridge in bridges:
        host_net.delete_bridge(bridge)
    if not engine_proc.other_engines(where, lambda cmdline: Path(cmdline[0]).name == "dockerd"):
        FORWARDING.write_text(state.ip_forward_before)
    for folder in [*engine_proc.cgroup_folders(where), Path("/run/containerd/s"), Path("/run/containerd")]:
        try:
            folder.rmdir()
        except OSError:
            pass  # not empty: another engine's; or not there


def env(args: argparse.Namespace) -> int:
    where = EngineDir((args.dir or CHECKOUT / ".engine").resolve())
    if args.dir is None and os.environ.get("DOCKER_HOST") != where.host and users_engine():
        return 0
    if where.state_file.exists():
        print("\n".join(env_lines(where)))
    return 0


def status(args: argparse.Namespace) -> int:
    where = EngineDir((args.dir or CHECKOUT / ".engine").resolve())
    if args.dir is None and (version := users_engine()):
        print(f"user's engine: {version} at {os.environ.get('DOCKER_HOST', 'the current context')}")
    state = read_state(where)
    if state is None:
        print(f"private engine: none in {where.root}")
        return 0
    version = engine_proc.server_version(engine_proc.docker(where))
    print(f"private engine: {version or 'not running'} at {where.host}")
    print(f"  compose {state.compose}, bridge {where.bridge}, subnet {state.subnet}, log {where.log}")
    if state.guest:
        print("  beside another engine: published ports go through docker-proxy, only its default network has a way out")
    return 0


def compose_path(args: argparse.Namespace) -> int:
    where = EngineDir((args.dir or CHECKOUT / ".engine").resolve())
    distro, host = distribution()
    claim(where)
    with locked(where):
        print(compose_binary(where, args.version, distro, host))
    return 0


def import_base(args: argparse.Namespace) -> int:
    where = EngineDir((args.dir or CHECKOUT / ".engine").resolve())
    image, suite = engine_rootfs.wanted_base((CHECKOUT / "images/base/Dockerfile").read_text())
    private = args.dir is not None or not users_engine()
    docker = engine_proc.docker(where) if private else ("docker",)
    if has_image(docker, image):
        say(f"{image} is there.")
        return 0
    began = time.monotonic()
    if subprocess.run((*docker, "pull", "-q", image), capture_output=True, timeout=600, check=False).returncode == 0:
        say(f"{image} pulled ({time.monotonic() - began:.0f} s).")
        return 0
    say(f"{image} cannot be pulled: it is made from Debian's packages.")
    distro, host = distribution()
    if distro != "debian" or os.geteuid() != 0:
        raise EngineError(f"{image} can only be made by root on Debian", f"docker pull {image}")
    claim(where)
    with locked(where):
        stanzas = apt_sources.for_suite(apt_sources.machine_stanzas(), host, suite)
        prefixes = fetched(where, [Package(suite, "debootstrap")], host)
        root = engine_rootfs.make(where, prefixes[0], suite, stanzas)
        engine_rootfs.import_image(docker, root, image)
        shutil.rmtree(root)
    say(f"{image} imported ({time.monotonic() - began:.0f} s).")
    return 0


def has_image(docker: Sequence[str], image: str) -> bool:
    asked = (*docker, "image", "inspect", image)
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="engine.py", description="a private Docker Engine in this checkout's folder")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, does in (
        (up, "start it, unless an engine answers already"),
        (down, "stop it and remove every trace"),
        (env, "print what a shell evaluates to use it"),
        (status, "what runs"),
        (compose_path, "print the path of a Compose of this version"),
        (import_base, "make the base image of our Dockerfiles where it cannot be pulled"),
    ):
        sub = verbs.add_parser(verb.__name__.replace("_", "-"), help=does)
        sub.add_argument("--dir", type=Path, help="its folder (default: .engine in the checkout)")
        sub.set_defaults(run=verb)
        if verb is compose_path:
            sub.add_argument("version", choices=sorted(COMPOSES))
        if verb is up:
            sub.add_argument("--yes", action="store_true", help="do not ask (also: YES=1, or CI set)")
            sub.add_argument("--engine", choices=sorted(ENGINES), help="its version (default 28)")
            sub.add_argument("--compose", choices=sorted(COMPOSES), help="version of the Compose plugin (default 2.40)")
            sub.add_argument("--path-extra", type=Path, action="append", default=[], help="a folder before its PATH")
            sub.add_argument("--cdi-dir", type=Path, action="append", default=[], help="CDI files (default /etc/cdi)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = arguments().parse_args(argv)
    try:
        code: int = args.run(args)
        return code
    except EngineError as e:
        say(f"error: {e.message}")
        if e.hint:
            say(f"hint: {e.hint}")
        return e.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
