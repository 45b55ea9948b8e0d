"""The processes of a private engine: find ours, start and stop them, by pid, and only those that we started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from engine_dir import EngineDir, EngineError, State, run

READY_TIMEOUT_S = 60
CGROUPS = Path("/sys/fs/cgroup")


def exe_of(pid: int) -> str | None:
    """Return the program that a process runs; None if the process does not exist or is a zombie."""
    try:
        return str(Path(f"/proc/{pid}/exe").readlink()).removesuffix(" (deleted)")
    except OSError:
        return None


def is_stale(pid_text: str, root: Path, exe_of: Callable[[int], str | None]) -> bool:
    """Return whether a pid file names no living process of ours: another program may have the pid by now."""
    if not pid_text.strip().isdigit():
        return True
    exe = exe_of(int(pid_text))
    return exe is None or not Path(exe).is_relative_to(root)


def drop_stale(where: EngineDir) -> None:
    """Remove stale pid files: dockerd refuses to start if any process has the pid in its file."""
    for path in (where.pidfile, where.containerd_pidfile):
        if path.exists() and is_stale(path.read_text(), where.root, exe_of):
            path.unlink()


def pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def cgroup_folders(where: EngineDir) -> list[Path]:
    """Return our cgroups, inner ones first; version 2 has one hierarchy, version 1 one per controller."""
    tops = [top for top in (CGROUPS, *CGROUPS.glob("*")) if (top / where.cgroup[1:]).is_dir()]
    found = [path for top in tops for path in (top / where.cgroup[1:]).rglob("*") if path.is_dir()]
    return sorted(found, key=lambda path: -len(path.parts)) + [top / where.cgroup[1:] for top in tops]


def our_pids(where: EngineDir) -> set[int]:
    """Return the processes that run from our folder or in our containers."""
    by_exe = {pid for pid in pids() if (exe := exe_of(pid)) and Path(exe).is_relative_to(where.root)}
    by_cgroup: set[int] = set()
    for folder in cgroup_folders(where):
        procs = folder / "cgroup.procs"
        by_cgroup |= {int(line) for line in procs.read_text().split()} if procs.exists() else set()
    return by_exe | by_cgroup


def is_engine(cmdline: Sequence[str]) -> bool:
    return bool(cmdline) and Path(cmdline[0]).name == "dockerd"


def owns_docker_chains(cmdline: Sequence[str]) -> bool:
    """Return whether a process is an engine that owns iptables' DOCKER chains."""
    return is_engine(cmdline) and "--iptables=false" not in cmdline


def cmdline_of(pid: int) -> list[str]:
    """Return the command line of a process; empty once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def same_network(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
    except OSError:
        return False


def other_engines(where: EngineDir, such: Callable[[Sequence[str]], bool]) -> list[int]:
    """Return the engines in our network namespace, except ours, whose command line satisfies `such`."""
    found = [pid for pid in pids() if such(cmdline_of(pid)) and same_network(pid)]
    return [pid for pid in found if not Path(exe_of(pid) or "/").is_relative_to(where.root)]


def private_root(cmdline: Sequence[str]) -> Path | None:
    """Return the folder of a private engine, from its command line."""
    configs = [word.removeprefix("--config-file=") for word in cmdline if word.startswith("--config-file=")]
    return Path(configs[0]).parent if configs else None


def is_guest(where: EngineDir) -> bool:
    """Return whether another engine owns the host's DOCKER chains now: then ours must not change them."""
    return bool(other_engines(where, owns_docker_chains))


def dockerd_argv(where: EngineDir, engine: str, *, guest: bool) -> tuple[str, ...]:
    without = ["--iptables=false", "--ip6tables=false"] if guest else []
    if engine == "20.10":
        without = without[:1]  # it does not use ip6tables by default
    return (str(where.bin / "dockerd"), f"--config-file={where.daemon_json}", *without)


def daemon_env(where: EngineDir, state: State, environ: dict[str, str]) -> dict[str, str]:
    system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    path = ":".join([*state.path_extra, str(where.bin), system])
    return {**environ, "PATH": path, "DOCKER_CONFIG": str(where.config)}


def docker(where: EngineDir, *words: str) -> tuple[str, ...]:
    return (str(where.client / "docker"), "--config", str(where.config), "--host", where.host, *words)


def server_version(argv: Sequence[str]) -> str | None:
    """Return the version of the engine that answers this client; None if none does."""
    try:
        asked = (*argv, "info", "--format", "{{.ServerVersion}}")
        done = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def start(where: EngineDir, state: State, sleep: Callable[[float], None] = time.sleep) -> str:
    """Start dockerd, wait until it answers, and return its version."""
    drop_stale(where)
    with where.log.open("ab") as log:
        process = subprocess.Popen(
            dockerd_argv(where, state.engine, guest=is_guest(where)),
            env=daemon_env(where, state, dict(os.environ)),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if where.socket.exists() and (version := server_version(docker(where))):
            return version
        sleep(0.2)
    last = "\n".join(where.log.read_text(errors="replace").splitlines()[-15:])
    stop_pids({process.pid} if process.poll() is None else set())
    raise EngineError(f"the private engine does not start:\n{last}", f"See its whole log: {where.log}")


def stop_pids(wanted: Iterable[int], grace_s: float = 20, sleep: Callable[[float], None] = time.sleep) -> None:
    """Send SIGTERM, then SIGKILL to what is left after the grace period."""
    left = set(wanted)
    for signum, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 5.0)):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)
        deadline = time.monotonic() + wait_s
        while left and time.monotonic() < deadline:
            left = {pid for pid in left if exe_of(pid) is not None}
            sleep(0.1 if left else 0)
    if left:
        raise EngineError(f"processes of the private engine do not end: {sorted(left)}")


def stop(where: EngineDir) -> None:
    """Stop the containers first, without waiting, then the daemon, then what a crash left behind."""
    if server_version(docker(where)) is not None:
        running = run(docker(where, "ps", "-q"), echo=False).split()
        if running:
            with contextlib.suppress(EngineError):  # it has ended meanwhile
                run(docker(where, "kill", *running), echo=False)
    for path in (where.pidfile, where.containerd_pidfile):
        if path.exists() and not is_stale(path.read_text(), where.root, exe_of):
            stop_pids([int(path.read_text())])
    stop_pids(our_pids(where), grace_s=2)
