"""The folder of a private engine: its paths, what was decided for it, and the error that all modules share."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

SOCKET_PATH_MAX = 107  # bytes, man 7 unix; an engine's sockets need about 45 of them below its run folder
INSTALL_HINT = """Install an engine:
  it runs, but not for you   sudo usermod -aG docker "$USER", then log in again
  Debian, Ubuntu             sudo apt-get install docker.io docker-compose   (Ubuntu: docker-compose-v2)
  Fedora                     sudo dnf install moby-engine docker-compose
  Arch                       sudo pacman -S docker docker-compose docker-buildx
  anything else              https://docs.docker.com/engine/install/"""


class EngineError(Exception):
    """An expected failure: what happened, and what to do about it. It ends the program with exit code 4."""

    exit_code = 4

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class EngineDir:
    """Paths below one engine's folder; two folders never share a name on the host."""

    root: Path

    @property
    def tag(self) -> str:
        return hashlib.sha256(os.fsencode(self.root)).hexdigest()[:8]

    @property
    def run(self) -> Path:
        """Return the folder for sockets: below the root, or a short name under /run if that would be too long."""
        inside = self.root / "run"
        return inside if len(os.fsencode(inside)) + 45 <= SOCKET_PATH_MAX else Path(f"/run/stackctl-{self.tag}")

    @property
    def bridge(self) -> str:
        return f"sc-{self.tag}"

    @property
    def cgroup(self) -> str:
        return f"/stackctl-{self.tag}"

    @property
    def socket(self) -> Path:
        return self.run / "docker.sock"

    @property
    def host(self) -> str:
        return f"unix://{self.socket}"

    @property
    def pidfile(self) -> Path:
        return self.run / "docker.pid"

    @property
    def containerd_pidfile(self) -> Path:
        return self.run / "exec" / "containerd" / "containerd.pid"

    @property
    def packages(self) -> Path:
        return self.root / "packages"

    @property
    def bin(self) -> Path:
        """Return the folder that is on the daemon's PATH."""
        return self.root / "bin"

    @property
    def client(self) -> Path:
        """Return the folder for the user's PATH, which holds only `docker`."""
        return self.root / "client"

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def log(self) -> Path:
        return self.root / "dockerd.log"

    @property
    def daemon_json(self) -> Path:
        return self.root / "daemon.json"

    @property
    def marker(self) -> Path:
        """Return the file that marks an engine's folder: only such a folder may `down` delete."""
        return self.root / "stackctl-engine"

    @property
    def state_file(self) -> Path:
        return self.root / "state.json"


@dataclass(frozen=True, kw_only=True)
class State:
    """What was decided or found at the first `up`; a later `up` keeps it, `down` restores the machine to it."""

    engine: str
    compose: str
    subnet: str
    ip_forward_before: str
    forward_policy_before: dict[str, str]  # of the FORWARD chain, by iptables and ip6tables
    docker_chains_before: bool
    tables_before: dict[str, list[str]] = field(default_factory=dict)  # of iptables and ip6tables
    path_extra: list[str] = field(default_factory=list)
    cdi_dirs: list[str] = field(default_factory=list)


def read_state(where: EngineDir) -> State | None:
    if not where.state_file.exists():
        return None
    known = {each.name for each in fields(State)}  # a folder may be older or newer than this program
    try:
        raw = json.loads(where.state_file.read_text())
        return State(**{key: value for key, value in raw.items() if key in known})
    except (ValueError, TypeError, AttributeError) as e:
        raise EngineError(f"{where.state_file} cannot be read: {e}", "Remove this file, then run `up` again.") from e


def write_state(where: EngineDir, state: State) -> None:
    fresh = where.state_file.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(state), indent=1) + "\n")
    fresh.rename(where.state_file)


def claim(where: EngineDir) -> None:
    """Mark the folder as ours; refuse one that holds something else."""
    if where.root.exists() and any(where.root.iterdir()) and not where.marker.exists():
        raise EngineError(f"{where.root} holds something else already", "Name an empty folder with `--dir`.")
    try:
        where.root.mkdir(parents=True, exist_ok=True)
        where.marker.write_text("Made by images/engine/engine.py; `engine.py down` deletes this folder.\n")
    except OSError as e:
        raise EngineError(f"{where.root} cannot be written: {e.strerror}", "Name another folder with `--dir`.") from e


def run(
    argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, stdin: str | None = None, echo: bool = True
) -> str:
    """Print and run a command; return its output, or raise EngineError with its last lines."""
    words = [str(word) for word in argv]
    if echo:
        say(f"+ {shlex.join(words)}")
    try:
        done = subprocess.run(words, env=env, input=stdin, capture_output=True, text=True, check=False)
    except OSError as e:
        raise EngineError(f"{words[0]} cannot be run: {e.strerror}") from e
    if done.returncode != 0:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise EngineError(f"{shlex.join(words)} ended with exit code {done.returncode}:\n{last}")
    return done.stdout


def say(line: str) -> None:
    """Print to stderr, because the stdout of `env` and `compose-path` is for a shell."""
    print(line, file=sys.stderr, flush=True)
