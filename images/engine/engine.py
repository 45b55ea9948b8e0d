#!/usr/bin/env python3
"""A private Docker Engine in the checkout's own folder, for machines that have none; see ../README.md.

Runs on a bare Python, before any virtual environment exists: standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import apt_sources
import engine_proc
import engine_rootfs
from engine_dir import INSTALL_HINT, EngineDir, EngineError, State, claim, read_state, say, write_state
from engine_packages import (
    COMPOSES,
    ENGINES,
    Package,
    compose_binary,
    distribution,
    fetched,
    link_all,
    link_compose,
    packages,
    ubuntu_packages,
)
from engine_setup import FORWARDING, decide, give_back, prepare

CHECKOUT = Path(__file__).resolve().parents[2]


def env_lines(where: EngineDir) -> list[str]:
    """Return what a shell evaluates to use the private engine."""
    return [
        f"export DOCKER_HOST={shlex.quote(where.host)}",
        f"export DOCKER_CONFIG={shlex.quote(str(where.config))}",
        f'export PATH={shlex.quote(str(where.client))}:"$PATH"',
        "unset DOCKER_CONTEXT",
    ]


def place(args: argparse.Namespace) -> EngineDir:
    return EngineDir((args.dir or CHECKOUT / ".engine").resolve())


def users_engine() -> str | None:
    """Return the version of the engine that the user's docker reaches (DOCKER_HOST, or the current context)."""
    return engine_proc.server_version(("docker",)) if shutil.which("docker") else None


def consent(where: EngineDir, *, asked_before: bool, yes: bool) -> None:
    """Say what will happen to the machine; on a terminal, ask."""
    if asked_before:
        return
    say("This starts a private Docker Engine, as root:")
    say(f"  - downloads about 130 MB of Debian's packages and unpacks them in {where.root} (nothing is installed)")
    say(f"  - runs dockerd and containerd from there, with a bridge {where.bridge} and iptables rules for it")
    if FORWARDING.read_text().strip() == "0":
        say("  - turns IPv4 forwarding on (net.ipv4.ip_forward is 0 now; `down` sets it back)")
    say("  `engine.py down` (make demo-down) stops it and removes all of this.")
    if yes or os.environ.get("YES") == "1" or os.environ.get("CI", "false") not in ("", "0", "false"):
        return
    if not sys.stdin.isatty():
        raise EngineError("there is no terminal to ask on", "Set YES=1 to agree beforehand.")
    say("Continue? [y/N] ")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise EngineError("not started, because the answer was no", INSTALL_HINT)


@contextlib.contextmanager
def locked(where: EngineDir) -> Iterator[None]:
    with (where.root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def up(args: argparse.Namespace) -> int:
    began = time.monotonic()
    where = place(args)
    if args.dir is None and args.engine is None and (version := users_engine()):
        say(f"Docker Engine {version} already answers, and is used as it is.")
        return 0
    distro, host = distribution()
    if os.geteuid() != 0:
        raise EngineError("no Docker Engine answers, and only root can start a private one", INSTALL_HINT)
    if distro == "ubuntu" and (args.engine or args.compose):
        raise EngineError("Ubuntu has one version of each: leave out --engine and --compose")
    consent(where, asked_before=where.state_file.exists(), yes=args.yes)
    claim(where)
    with locked(where):
        state = read_state(where)
        if state and (version := engine_proc.server_version(engine_proc.docker(where))):
            if args.compose and args.compose != state.compose:
                link_compose(where, args.compose, distro, host)
                write_state(where, replace(state, compose=args.compose))
            say(f"The private Docker Engine {version} runs already ({where.host}).")
            return 0
        version = bring_up(where, state, args, distro, host)
    say(f"Docker Engine {version} runs at {where.host} ({time.monotonic() - began:.0f} s).")
    return 0


def bring_up(where: EngineDir, state: State | None, args: argparse.Namespace, distro: str, host: str) -> str:
    """Make an engine answer, whatever is there: nothing, an incomplete download, a folder whose processes are gone."""
    engine = args.engine or (state.engine if state else "28")
    if state and state.engine != engine:
        raise EngineError(f"{where.root} holds engine {state.engine}", "Name another folder with `--dir`.")
    wanted = ubuntu_packages(host) if distro == "ubuntu" else packages(host, engine)
    link_all(where, fetched(where, wanted, host))
    found = state or decide(where, engine, "2.40")
    found = replace(
        found,
        compose=args.compose or found.compose,
        path_extra=[str(path.resolve()) for path in args.path_extra] or found.path_extra,
        cdi_dirs=[str(path.resolve()) for path in args.cdi_dir] or found.cdi_dirs,
    )
    write_state(where, found)
    prepare(where, found, distro, host)
    return engine_proc.start(where, found)


def down(args: argparse.Namespace) -> int:
    where = place(args)
    if not where.root.exists():
        say("There is no private engine here.")
        return 0
    if not where.marker.exists():
        raise EngineError(f"{where.root} is not the folder of a private engine: nothing is deleted")
    if os.geteuid() != 0 and where.state_file.exists():
        raise EngineError("only root can stop the private engine", "Run `sudo make demo-down`.")
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


def env(args: argparse.Namespace) -> int:
    where = place(args)
    if args.dir is None and os.environ.get("DOCKER_HOST") != where.host and users_engine():
        return 0
    if where.state_file.exists():
        print("\n".join(env_lines(where)))
    return 0


def status(args: argparse.Namespace) -> int:
    where = place(args)
    if args.dir is None and (version := users_engine()):
        print(f"user's engine: {version} at {os.environ.get('DOCKER_HOST', 'the current context')}")
    state = read_state(where)
    if state is None:
        print(f"private engine: none in {where.root}")
        return 0
    version = engine_proc.server_version(engine_proc.docker(where))
    print(f"private engine: {version or 'not running'} at {where.host}")
    print(f"  compose {state.compose}, bridge {where.bridge}, subnet {state.subnet}, log {where.log}")
    if engine_proc.is_guest(where):
        print("  beside another engine: ports go through docker-proxy, only the default network has a way out")
    return 0


def compose_path(args: argparse.Namespace) -> int:
    where = place(args)
    distro, host = distribution()
    claim(where)
    with locked(where):
        print(compose_binary(where, args.version, distro, host))
    return 0


def import_base(args: argparse.Namespace) -> int:
    where = place(args)
    image, suite = engine_rootfs.wanted_base((Path(__file__).parents[1] / "base" / "Dockerfile").read_text())
    private = args.dir is not None or not users_engine()
    docker = engine_proc.docker(where) if private else ("docker",)
    if engine_proc.server_version(docker) is None:
        raise EngineError("no Docker Engine answers", "Run `python3 images/engine/engine.py up`.")
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
        raise EngineError(f"{image} can only be made by root on Debian", f"Run `docker pull {image}`.")
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
    return subprocess.run((*docker, "image", "inspect", image), capture_output=True, check=False).returncode == 0


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
    verb: Callable[[argparse.Namespace], int] = args.run
    try:
        return verb(args)
    except EngineError as e:
        say(f"error: {e.message}")
        if e.hint:
            say(f"hint: {e.hint}")
        return e.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
