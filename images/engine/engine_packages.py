"""The packages of a private engine, their suites, and the links to their programs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import apt_sources
from engine_dir import INSTALL_HINT, EngineDir, EngineError

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
    """The packages of one engine.

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
    """Return the packages of Ubuntu's own release: its mirror has no other. Not run yet."""
    names = ("docker.io", "containerd", "docker-buildx", "runc", "tini", *IPTABLES)
    return [Package(host, name) for name in names]


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
        raise EngineError(
            f"no Docker Engine answers, and a private one needs Debian or Ubuntu, not {pretty}", INSTALL_HINT
        )
    return name, codename


def fetched(where: EngineDir, wanted: Sequence[Package], host: str) -> list[Path]:
    """Return the prefixes that hold the packages; download what is missing."""
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
    raise EngineError(f"the packages contain no program {name}", "Run `down`, then `up`.")


def library_path(program: Path, prefixes: Sequence[Path]) -> list[Path]:
    """Return the library folders of a program's prefix."""
    own = [prefix for prefix in prefixes if program.is_relative_to(prefix)]
    return [path for prefix in own for path in (*prefix.glob("usr/lib/*-linux-gnu*"), *prefix.glob("lib/*-linux-gnu*"))]


def link(target: Path, program: Path, prefixes: Sequence[Path], name: str | None = None) -> None:
    """Link a program to where it is looked for; one with private libraries gets a script."""
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
    """Link the iptables that works: the kernel may know nftables or only the old tables."""
    reason = ""
    for flavour in ("xtables-nft-multi", "xtables-legacy-multi"):
        for name in ("iptables", "ip6tables"):
            for ending in ("", "-save", "-restore"):
                link(where.bin / (name + ending), tool(prefixes, flavour), prefixes, name + ending)
        tried = subprocess.run((where.bin / "iptables", "-t", "nat", "-S"), capture_output=True, check=False)
        if tried.returncode == 0:
            return
        reason = tried.stderr.decode(errors="replace").strip()
    raise EngineError(f"iptables does not work on this kernel: {reason}")


def compose_binary(where: EngineDir, version: str, distro: str, host: str) -> Path:
    """Return the path of one Compose among others, as a separate program."""
    kept = where.root / "compose" / version / "docker-compose"
    if not kept.exists():
        package, suite = ("docker-compose-v2", host) if distro == "ubuntu" else ("docker-compose", COMPOSES[version])
        prefixes = fetched(where, [Package(suite, package)], host)
        link(kept, tool(prefixes, "docker-compose"), ())
    return kept


def link_compose(where: EngineDir, version: str, distro: str, host: str) -> None:
    """Make one of the Composes this engine's `docker compose`."""
    link(where.config / "cli-plugins" / "docker-compose", compose_binary(where, version, distro, host), ())
