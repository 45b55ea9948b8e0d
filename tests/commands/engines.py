"""A machine on which a deploy comes to its end: its folder is real, its engine and Compose are played."""

import io
import queue
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import docker.errors

from stackctl.core.observed import EngineSeen, ServiceState
from stackctl.effects.docker.engine import Engine
from stackctl.effects.docker.images import Images
from stackctl.errors import EngineError
from stackctl.machine import Machine
from stackctl.orchestrators.compose import render
from stackctl.orchestrators.compose.run import Compose
from tests.commands.machines import quiet
from tests.core.samples import engine as an_engine

ALREADY = "Error response from daemon: Bind for {} failed: port is already allocated"
OVERLAPS = "Error response from daemon: Pool overlaps with other one on this address space"


@dataclass
class FakeImages(Images):
    """What is here, what a registry has, and what was done."""

    here: dict[str, str] = field(default_factory=dict)
    published: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def digest(self, name: str) -> str | None:
        return self.here.get(name)

    def check_room(self, names: Iterable[str]) -> None:
        self.asked = list(names)

    def pull(self, name: str) -> None:
        if name not in self.published:
            raise EngineError(f"the image {name} can't be pulled", hint="go online")
        self.done.append(f"pull {name}")
        self.here[name] = self.published[name]

    def build(self, name: str) -> None:
        self.done.append(f"build {name}")
        self.here[name] = "sha256:built"


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
class Stage(Engine):
    """An engine that has this stack's containers at most. Others hold ports and subnets, which is seen or not yet."""

    containers_: dict[str, ServiceState] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)  # that the backend was started with, start by start
    held: dict[int, str] = field(default_factory=dict)  # port -> the container that publishes it
    soon: dict[int, str] = field(default_factory=dict)  # the same, which nobody sees before a start collides with it
    hidden: set[int] = field(default_factory=set)  # of the ports held, those that nobody sees
    soon_subnets: list[str] = field(default_factory=list)
    taken_subnets: list[str] = field(default_factory=list)
    events: Stream = field(default_factory=Stream)

    @property
    def client(self) -> Any:
        api = SimpleNamespace(
            containers=lambda **_: [], logs=lambda *_, **__: Stream(), inspect_network=self._inspect_network
        )
        return SimpleNamespace(events=self._follow, api=api)

    def _follow(self, **_: object) -> Stream:
        self.events = Stream()
        return self.events

    @property
    def is_local(self) -> bool:
        return True

    def look(self, compose_argv: tuple[str, ...], compose_version: tuple[int, ...]) -> EngineSeen:
        del compose_argv, compose_version
        return an_engine()

    def containers(self, project: str) -> Any:
        del project
        return list(self.containers_.values())

    def refuse_foreign(self, project: str, folder: PurePosixPath) -> None:
        """Nobody else is here."""

    def states(self, project: str) -> dict[str, ServiceState]:
        del project
        return dict(self.containers_)

    def state(self, container_id: str) -> ServiceState | None:
        return next((one for one in self.containers_.values() if one.container == container_id), None)

    def stop(self, container_id: str, grace_s: int) -> None:
        """It has ended by itself."""

    def _inspect_network(self, name: str) -> dict[str, Any]:
        """None of this stack's networks is there: Compose makes them."""
        raise docker.errors.NotFound(f"network {name} not found")

    def subnets(self, project: str) -> tuple[tuple[IPv4Network, ...], tuple[IPv4Network, ...]]:
        del project
        return tuple(map(IPv4Network, self.taken_subnets)), ()

    def published(self, project: str) -> tuple[dict[int, str], set[int]]:
        del project
        return {port: f"container {who}" for port, who in self.held.items() if port not in self.hidden}, set()

    def read_files(self, image: str, paths: tuple[str, ...]) -> dict[str, str]:
        del image, paths
        return {}

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
                    self.containers_[name] = container(name, state="created")
                    return said
            self.containers_[name] = container(name, state="running")
            self.events.put({"id": f"id-{name}", "Action": "start", "timeNano": 10**9})
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


class FakeCompose(Compose):
    """Compose, which takes every file and starts it on the stage."""

    def __init__(self, folder: Path, stage: Stage) -> None:
        super().__init__(folder, lambda _: None, lambda name: (folder / name).is_file())
        self._stage = stage

    def look(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        return ("docker", "compose"), (2, 40, 3)

    def check(self, name: str, text: str) -> None:
        """It is well."""

    def start(self, name: str, *words: str) -> "subprocess.Popen[str]":
        del name, words
        said = self._stage.up((self.folder / render.FILE).read_text())
        script = 'test -z "$1" || { echo "$1"; exit 1; }'
        return subprocess.Popen(
            ["sh", "-c", script, "up", said], stdout=subprocess.PIPE, text=True, start_new_session=True
        )


@dataclass
class Staged:
    """A machine, its stage and its images, and what it said."""

    machine: Machine
    stage: Stage
    images: FakeImages
    said: io.StringIO


def staged(folder: Path, *, published: Mapping[str, str] | None = None) -> Staged:
    """A machine without any image of its own; `published`: what its registry has."""
    here = quiet(folder)
    stage, images = Stage(), FakeImages(published=dict(published or {}))
    here.machine.engine, here.machine.binds = stage, lambda _: None
    here.machine.__dict__["images"] = images  # as its cached property would have it
    here.machine.__dict__["compose"] = FakeCompose(folder, stage)
    return Staged(machine=here.machine, stage=stage, images=images, said=here.said)
