"""A stack in a Swarm: its folder is on nas, where stackctl runs, in that node's namespaces."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import ROOT
from tests.e2e.own_engine import OFFLOADS
from tests.e2e.swarm.cluster import GPU1, GPU2, NAS, Cluster, call, until

CHAT = "sillytavern/data/default-user/chats/Seraphina/kept.jsonl"


@dataclass(frozen=True)
class SwarmStack:
    """A deployment folder below nas's /srv/stacks, and the stackctl that works in it."""

    cluster: Cluster
    name: str
    program: tuple[str, ...]
    port: int = 8000

    @property
    def place(self) -> Path:
        """The folder, as the node sees it."""
        return Path("/srv/stacks") / self.name

    @property
    def folder(self) -> Path:
        """The same, as this machine sees it."""
        return self.cluster.srv(NAS) / "stacks" / self.name

    def wish(self, model: str = "demo", backend: str = OFFLOADS, gpu: str = "auto") -> None:
        """Write stack.toml."""
        self.folder.mkdir(parents=True, exist_ok=True)
        sections: dict[str, dict[str, object]] = {
            "": {"target": "swarm"},
            "[swarm]": {"nodes": [GPU1, GPU2]},
            "[sillytavern]": {"expose": "lan", "port": self.port},
            "[model]": {"path": model},
            "[backend]": {"image": backend},
            "[gpu]": {"mode": gpu},
        }
        lines = [
            line
            for section, keys in sections.items()
            for line in (section, *(f"{key} = {json.dumps(value)}" for key, value in keys.items()))
        ]
        (self.folder / "stack.toml").write_text("\n".join(lines))

    def write_target(self, target: str) -> None:
        file = self.folder / "stack.toml"
        lines = (
            f'target = "{target}"' if line.startswith("target =") else line for line in file.read_text().split("\n")
        )
        file.write_text("\n".join(lines))

    def run_by(self) -> list[str]:
        """What has something of this stack: compose, swarm."""
        compose = ("ps", "-aq", "--filter", f"label=com.docker.compose.project={self.name}")
        swarm = ("service", "ls", "-q", "--filter", f"label=com.docker.stack.namespace={self.name}")
        found = {"compose": self.cluster.docker(NAS, *compose), "swarm": self.cluster.docker(NAS, *swarm)}
        return [name for name, listed in found.items() if listed.split()]

    def argv(self, *words: str) -> tuple[str, ...]:
        home = ("HOME=/srv/home", "XDG_DATA_HOME=/srv/home/data", f"PATH={self.cluster.programs.path}")
        inside = ("env", *home, "sh", "-c", 'cd "$0" && exec "$@"', str(self.place), *words)
        return self.cluster.inside(NAS, *inside)

    def run(self, *words: str, check: bool = True, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
        """Run stackctl; with check, a failure fails the test with all that was said."""
        argv = self.argv(*self.program, *words)
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=timeout
        )
        if check and done.returncode:
            said = f"{done.stdout}\n{done.stderr}"
            pytest.fail(f"stackctl {' '.join(words)}: exit {done.returncode}\n{said}", pytrace=False)
        return done

    def deploy(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return self.run("deploy", "--images", "own", *words)

    def fails(self, code: int, *words: str) -> str:
        """Run stackctl, which must end with this exit code and no traceback; return what it said."""
        done = self.run(*words, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == code, f"exit {done.returncode}, not {code}:\n{said}"
        assert "Traceback" not in said, said
        return said

    # who chats

    def talk(self, what: str, number: float) -> dict[str, Any]:
        """Chat as a browser on nas does it (talker.py)."""
        password = self.place / ".stackctl/sillytavern-password"
        words = (str(password), what, str(number))
        talker = (sys.executable, str(Path(__file__).with_name("talker.py")), f"http://127.0.0.1:{self.port}", *words)
        found: dict[str, Any] = json.loads(call(*self.argv("env", f"PYTHONPATH={ROOT}", *talker)))
        return found

    def save_chat(self, messages: int = 3) -> None:
        assert self.talk("save", messages) == {"status": 200}

    def answers_again(self, since: float, within_s: float = 60) -> float:
        """Send messages until one is answered; return the seconds since a moment of the monotonic clock."""
        found = self.talk("ask", within_s)
        assert found["at"] is not None, f"no chat was answered within {within_s:.0f} s: {found['text']}"
        seconds: float = found["at"] - since
        return seconds

    @property
    def chat(self) -> bytes:
        return (self.folder / CHAT).read_bytes()

    # what runs

    def node_of(self, service: str) -> str:
        """The name of the node on which a service's task is to run."""
        words = (
            "service",
            "ps",
            "--filter",
            "desired-state=running",
            "--format",
            "{{.Node}}",
            self.docker_name(service),
        )
        return self.cluster.docker(NAS, *words).strip()

    def docker_name(self, service: str) -> str:
        return f"{self.name}_{service}"

    def container(self, service: str) -> tuple[str, str]:
        """(node, container) of a service, once it runs."""
        until(lambda: self._containers(service), 30, f"{service} has no container")
        return self._containers(service)[0]

    def _containers(self, service: str) -> list[tuple[str, str]]:
        node = self.node_of(service)
        return [(node, one) for one in self.cluster.containers(node, self.docker_name(service))] if node else []

    def inside(self, service: str, script: str) -> str:
        """What a script says in a service's container."""
        node, container = self.container(service)
        return self.cluster.docker(node, "exec", container, "sh", "-c", script)

    def spec(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            self.cluster.docker(NAS, "service", "inspect", "--format", "{{json .Spec}}", self.docker_name(service))
        )
        return found

    def secrets(self) -> list[str]:
        return self.cluster.docker(NAS, "secret", "ls", "--format", "{{.Name}}").split()


def other(node: str) -> str:
    return {GPU1: GPU2, GPU2: GPU1}[node]


def moment() -> float:
    return time.monotonic()


def record(event: str, seconds: float) -> None:
    """Print how long something took: `pytest -rP` and a failure show it; with STACKCTL_SECONDS also to that file."""
    line = f"{event}: {seconds:.1f} s (load {os.getloadavg()[0]:.1f})"
    print(line)
    if place := os.environ.get("STACKCTL_SECONDS"):
        with Path(place).open("a") as file:
            file.write(line + "\n")


__all__ = ["CHAT", "SwarmStack", "moment", "other", "record", "until"]
