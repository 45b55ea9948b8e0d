"""A machine with two orchestrators, each with an engine of plain values. What they do is logged in one list."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stackctl.core.observed import ServiceState
from stackctl.machine import Machine
from stackctl.orchestrators.compose import render
from stackctl.orchestrators.compose.orchestrator import Applying
from stackctl.ports.orchestrator import Action
from stackctl.ports.runtime import Runtime
from tests.commands.engines import Stage, StageCompose, container
from tests.commands.machines import Quiet, quiet
from tests.core.samples import a_plan
from tests.fakes import FakeImages

IMAGES = {service.image: "sha256:1" for service in a_plan().services}
OLD, NEW = "compose", "swarm"


@dataclass
class OneOfTwo(Stage):
    """An engine that starts what was asked for and is not ready yet."""

    by: str = OLD
    all: "dict[str, OneOfTwo]" = field(default_factory=dict)
    breaks: str = ""  # the service that ends at once
    count: int = 0
    own_subnets: list[str] = field(default_factory=list)
    meanwhile: Callable[[str], object] = lambda _: None  # what happens before a service is started

    def run_by(self, project: str) -> tuple[str, ...]:
        del project
        return tuple(name for name, one in self.all.items() if one.states_)

    def subnets(self, project: str) -> tuple[tuple[IPv4Network, ...], tuple[IPv4Network, ...]]:
        del project
        others = (net for one in self.all.values() if one is not self for net in one.own_subnets)
        return tuple(map(IPv4Network, others)), tuple(map(IPv4Network, self.own_subnets))

    def stop(self, container_id: str, grace_s: int) -> None:
        super().stop(container_id, grace_s)
        for name, one in self.states_.items():
            if one.container == container_id:
                self.end(name)

    def end(self, name: str) -> None:
        self.states_[name] = replace(self.states_[name], state="exited", health="", pid=0)

    def up(self, text: str) -> str:
        found = render.whole(text)
        self.own_subnets = [one["ipam"]["config"][0]["subnet"] for one in found["networks"].values()]
        for name, service in render.services(text).items():
            if self.only not in {None, name} or (name in self.states_ and self.states_[name].is_ready):
                continue
            self.meanwhile(name)
            self.count += 1
            state = replace(
                container(name, state="running"),
                container=f"{self.by}-{name}-{self.count}",
                image=service["image"],
                image_id=self.images.id(service["image"]),
            )
            broken = replace(state, state="exited", health="", exit_code=1)
            self.states_[name] = broken if name == self.breaks else state
            running = [one.by for one in self.all.values() if is_running(one.states_.get("sillytavern"))]
            assert len(running) < 2, f"SillyTavern runs twice: {running}"
            self.stream.put({"id": state.container, "Action": "start", "timeNano": 10**9})
            if name == self.breaks:
                break
        return ""


def is_running(state: ServiceState | None) -> bool:
    return state is not None and state.state == "running"


@dataclass
class Logged(StageCompose):
    """An orchestrator that notes what it did, and does it."""

    log: list[str] = field(default_factory=list)

    def apply(
        self,
        name: str,
        service: str | None = None,
        *,
        action: Action = "apply",
        images: Mapping[str, str] = MappingProxyType({}),
    ) -> Applying:
        self.log.append(f"{self.name} {action} {service or 'all'}")
        return super().apply(name, service, action=action, images=images)

    def gateway(self) -> str:
        return "172.18.0.1" if self.name == NEW else ""

    def stop(self, name: str, service: str | None) -> None:
        del name
        self.log.append(f"{self.name} stop {service or 'all'}")
        for one in [one for one in self.stage.states_ if service in {None, one}]:
            self.stage.end(one)  # type: ignore[attr-defined]  # its stage is one of two

    def down(self, name: str, *, volumes: bool) -> None:
        del name
        self.log.append(f"{self.name} down{' with volumes' if volumes else ''}")
        self.stage.states_.clear()
        self.stage.own_subnets.clear()  # type: ignore[attr-defined]  # as above


@dataclass
class Two:
    """The machine as its folder's plan.json has it, both engines, and what was done."""

    folder: Path
    here: Quiet
    stages: dict[str, OneOfTwo]
    orchestrators: dict[str, Logged]
    log: list[str]

    def machine(self, target: str) -> Machine:
        return replace(self.here.machine, **self._runtime(target))

    def _runtime(self, target: str) -> dict[str, Any]:
        return {"orchestrator": self.orchestrators[target], "docker": self.stages[target]}

    @property
    def said(self) -> str:
        return self.here.said.getvalue()

    def write_target(self, target: str) -> None:
        """Let stack.toml name another orchestrator."""
        file = self.folder / "stack.toml"
        rest = [line for line in file.read_text().splitlines() if not line.startswith("target =")]
        file.write_text("\n".join((f"target = {json.dumps(target)}", *rest)) + "\n")


def two(folder: Path) -> Two:
    """A machine with two orchestrators, on which nothing runs."""
    here, log = quiet(folder), list[str]()
    images = FakeImages(published=dict(IMAGES))
    stages = {name: OneOfTwo(images=images, by=name) for name in (OLD, NEW)}
    own = here.machine.folder
    orchestrators = {
        OLD: Logged(own, stages[OLD], stage=stages[OLD], log=log),
        NEW: Logged(
            own, stages[NEW], stage=stages[NEW], log=log, name=NEW, title="Docker Swarm", file="stack.yml",
            at_places=("gpu1", "gpu2"),
        ),
    }  # fmt: skip
    for one in stages.values():
        one.all.update(stages)

    def switch(at: object, target: str, settings: object) -> Runtime:
        del at, settings
        return Runtime(orchestrators[target], stages[target], here.host, here.gpus)

    machine = replace(here.machine, docker=stages[OLD], orchestrator=orchestrators[OLD], switch=switch)
    here = replace(here, machine=machine, docker=stages[OLD], orchestrator=orchestrators[OLD])
    return Two(folder=folder, here=here, stages=stages, orchestrators=orchestrators, log=log)
