"""A machine on which a deploy comes to its end: its folder is real, its engine and Compose are played."""

import io
import queue
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from pathlib import Path, PurePosixPath
from types import MappingProxyType, SimpleNamespace
from typing import Any

from stackctl.core.observed import ServiceState
from stackctl.effects.docker.events import Watch
from stackctl.errors import ConfigError
from stackctl.machine import Machine
from stackctl.orchestrators.compose import render
from stackctl.orchestrators.compose.orchestrator import Applying
from stackctl.ports.disk import Folder
from stackctl.ports.orchestrator import Action
from tests.commands.machines import Quiet, quiet
from tests.fakes import FakeDocker, FakeHost, FakeHub, FakeImages, FakeOrchestrator

ALREADY = "Error response from daemon: Bind for {} failed: port is already allocated"
OVERLAPS = "Error response from daemon: Pool overlaps with other one on this address space"


class Stream:
    """A stream of the engine: it gives what is put into it, and ends when it is closed."""

    def __init__(self) -> None:
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> dict[str, Any]:
        event = self._events.get()
        if event is None:
            raise StopIteration
        return event

    def put(self, event: dict[str, Any]) -> None:
        self._events.put(event)

    def close(self) -> None:
        self._events.put(None)


@dataclass
class Stage(FakeDocker):
    """An engine that has this stack's containers at most. Others hold ports and subnets, which is seen or not yet."""

    models: list[str] = field(default_factory=list)  # that the backend was started with, start by start
    held: dict[int, str] = field(default_factory=dict)  # port -> the container that publishes it
    soon: dict[int, str] = field(default_factory=dict)  # the same, which nobody sees before a start collides with it
    hidden: set[int] = field(default_factory=set)  # of the ports held, those that nobody sees
    soon_subnets: list[str] = field(default_factory=list)
    taken_subnets: list[str] = field(default_factory=list)
    stream: Stream = field(default_factory=Stream)
    ends: dict[str, ServiceState] = field(default_factory=dict)  # service -> what becomes of it; else it gets healthy
    says: str = ""  # what Compose says at a start
    refuses: str = ""  # what Compose says against any file
    stopped: list[str] = field(default_factory=list)  # containers, in the order in which they were stopped
    own_ports: set[int] = field(default_factory=set)  # that this stack's containers publish
    only: str | None = None  # the service that the last start was asked for; None: all
    instead: Mapping[str, str] = field(default_factory=dict)  # service -> the image that it then ran instead

    @property
    def client(self) -> Any:
        return SimpleNamespace(events=self._follow, api=SimpleNamespace(logs=self._log))

    def _log(self, container_id: str, **_: object) -> io.BytesIO:
        state = self.state(container_id)
        return io.BytesIO("".join(f"{line}\n" for line in self.tail(state)).encode() if state else b"")

    def _follow(self, **_: object) -> Stream:
        self.stream = Stream()
        return self.stream

    def state(self, container_id: str) -> ServiceState | None:
        return next((one for one in self.states_.values() if one.container == container_id), None)

    def watch(self, project: str) -> Watch:
        return Watch(self, project)

    def stop(self, container_id: str, grace_s: int) -> None:
        del grace_s
        self.stopped.append(container_id)

    def subnets(self, project: str) -> tuple[tuple[IPv4Network, ...], tuple[IPv4Network, ...]]:
        del project
        return tuple(map(IPv4Network, self.taken_subnets)), ()

    def published(self, project: str) -> tuple[dict[int, str], set[int]]:
        del project
        return {port: f"container {who}" for port, who in self.held.items() if port not in self.hidden}, self.own_ports

    def up(self, text: str) -> str:
        """Start what a compose.yml says; what Docker would say where that fails, "" where all is well."""
        for subnet in self.soon_subnets:
            if f'"{subnet}"' in text:
                self.taken_subnets.append(subnet)
                return OVERLAPS
        for name, service in render.services(text).items():
            for mount in service.get("volumes", ()):
                if not mount["source"].startswith("./") and not Path(mount["source"]).exists():
                    return f"Error response from daemon: bind source path does not exist: {mount['source']}"
            if "--model" in (words := list(service.get("command", ()))):
                self.models.append(PurePosixPath(words[words.index("--model") + 1]).name)
            for place in service.get("ports", ()):
                if said := self._collides(place):
                    self.states_[name] = container(name, state="created")
                    return said
            self.states_[name] = self.ends.get(name) or container(name, state="running")
            self.stream.put({"id": f"id-{name}", "Action": "start", "timeNano": 10**9})
        return ""

    def _collides(self, place: str) -> str:
        address, port, _ = place.rsplit(":", 2)
        if int(port) in self.soon:
            self.held[int(port)] = self.soon.pop(int(port))
        return ALREADY.format(f"{address}:{port}") if int(port) in self.held else ""


def container(name: str, *, state: str) -> ServiceState:
    """A service's container: healthy where it is running, never started where it is created."""
    runs = state == "running"
    return ServiceState(
        name=name,
        container=f"id-{name}",
        state=state,
        health="healthy" if runs else "",
        started_at=1.0 if runs else 0.0,
    )


@dataclass
class StageCompose(FakeOrchestrator):
    """Compose, which starts every file on the stage."""

    stage: Stage = field(default_factory=Stage, kw_only=True)
    started: list["subprocess.Popen[str]"] = field(default_factory=list)
    words: list[tuple[str, ...]] = field(default_factory=list)

    def at(self, folder: Folder) -> "StageCompose":
        return replace(self, folder=folder)

    def check(self, name: str, text: str) -> None:
        super().check(name, text)
        if self.stage.refuses:
            raise ConfigError(self.stage.refuses, hint="mend it")

    def apply(
        self,
        name: str,
        service: str | None = None,
        *,
        action: Action = "apply",
        images: Mapping[str, str] = MappingProxyType({}),
    ) -> Applying:
        self.words.append((action, service or "all", *(f"{one} by {images[one]}" for one in images)))
        self.stage.only, self.stage.instead = service, images
        watch = self.stage.watch(name)
        said = self.stage.up((self.folder.path / self.file).read_text())
        script = 'echo "$1"; test -z "$2" || { echo "$2"; exit 1; }'
        argv = ["sh", "-c", script, "up", self.stage.says, said]
        self.started.append(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True))
        return Applying(watch, self.started[-1])


@dataclass
class Staged:
    """A machine, its stage and its images, and what it said."""

    machine: Machine
    stage: Stage
    images: FakeImages
    said: io.StringIO
    hub: FakeHub
    host: FakeHost


def quiet_stage(folder: Path, stage: Stage) -> Quiet:
    """A machine whose engine is this stage, and what it said."""
    here = quiet(folder)
    orchestrator = StageCompose(here.machine.folder, stage, stage=stage)
    machine = replace(here.machine, docker=stage, orchestrator=orchestrator)
    return replace(here, machine=machine, docker=stage, orchestrator=orchestrator)


def staged(folder: Path, *, published: Mapping[str, str] | None = None) -> Staged:
    """A machine without any image of its own; `published`: what its registry has."""
    stage = Stage(images=FakeImages(published=dict(published or {})))
    here = quiet_stage(folder, stage)
    return Staged(machine=here.machine, stage=stage, images=stage.images, said=here.said, hub=here.hub, host=here.host)
