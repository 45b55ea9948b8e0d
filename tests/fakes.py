"""The eight ports, played: each answers with the values that it was made of, and keeps what it was asked.

The disk alone is real: a temporary folder shows all that is written.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from stackctl.contracts.cdi import CdiSeen
from stackctl.contracts.engine import EngineDetails, Leftovers
from stackctl.contracts.engine_link import EngineLink
from stackctl.contracts.finding import CheckResult
from stackctl.contracts.folder_trial import FolderTrial
from stackctl.contracts.gpu_trial import GpuTrial
from stackctl.contracts.host import Card, Cpu, Gpu, GpuReading, Owner, ReadSpeed
from stackctl.contracts.node import Brings, Brought, NodeReport
from stackctl.contracts.request import Request
from stackctl.contracts.service import GpuRequest, Network
from stackctl.contracts.system import DiskUse, Ran, Reached, User, Written
from stackctl.core.adoption.mounted import Service
from stackctl.core.container_paths import Bind
from stackctl.core.formats.answer_limit import Limit
from stackctl.core.hub.remote import FileRequest, RemoteHead
from stackctl.core.hub.repository import Repo
from stackctl.core.hub.search import Hit, Query
from stackctl.core.hub.source import Source
from stackctl.core.observed import (
    ContainerSeen,
    EngineSeen,
    EngineView,
    HostIdentity,
    ProbeResult,
    Ram,
    ReadSeen,
    RunningContainer,
    ServiceState,
)
from stackctl.core.plan.change import Change
from stackctl.core.plan.network_shape import Existing
from stackctl.core.plan.stack import Plan
from stackctl.core.smoke.reachability import ContainerNetworking
from stackctl.core.start.events import Event
from stackctl.core.tavern.talks import Request as TemplateRequest
from stackctl.core.uninstall.content import EngineContent
from stackctl.effects import download, models
from stackctl.effects.bounded import bounded
from stackctl.effects.download import ranged, whole
from stackctl.effects.host import random_secrets
from stackctl.effects.hub import Hub
from stackctl.effects.models.contents import contents
from stackctl.effects.models.ollama_models import find_copy
from stackctl.effects.models.other_caches import HUB, LLAMACPP, OLLAMA, STUDIO, Places, find_file, list_models
from stackctl.effects.models.reading import where
from stackctl.effects.storage.disk import Disk
from stackctl.errors import ConfigError, DataError, EngineError, ModelError, StackctlError
from stackctl.orchestrators.changes import changes
from stackctl.orchestrators.compose import render
from stackctl.ports.disk import Folder, Says
from stackctl.ports.engine import Watch
from stackctl.ports.orchestrator import Action, Applying
from stackctl.ports.page import Page
from stackctl.secret import Secret
from tests.core.samples import engine as an_engine
from tests.core.samples import template

TODAY = "2026-12-01"


@dataclass
class FakeImages:
    """What is here, what a registry has, and what was done."""

    here: dict[str, str] = field(default_factory=dict)
    published: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)  # of those whose id is not their digest
    built: set[str] = field(default_factory=set)  # here, and of those no registry has
    architectures: dict[str, str] = field(default_factory=dict)  # of those that are not amd64
    stuck: set[str] = field(default_factory=set)  # those that can't be removed
    sizes: dict[str, int] = field(default_factory=dict)  # of those whose size the registry tells

    def digest(self, name: str) -> str | None:
        """By its name, or by its digest, which a tag beside it does not change."""
        tag, _, digest = name.partition("@")
        return self.here.get(name) or (digest if digest and self.here.get(tag) == digest else None)

    def pulled_digest(self, name: str) -> str:
        return "" if name in self.built else self.here.get(name, "")

    def id(self, name: str) -> str:
        return name if name in self.ids.values() else self.ids.get(name) or self.digest(name) or ""

    def architecture(self, name: str) -> str:
        return self.architectures.get(name, "amd64") if self.digest(name) else ""

    def packed_bytes(self, name: str) -> int | None:
        return self.sizes.get(name)

    def check_room(self, names: Iterable[str]) -> None:
        self.asked = list(names)

    def pull(self, name: str) -> None:
        tag, _, digest = name.partition("@")
        if name not in self.published and not (digest and self.published.get(tag) == digest):
            raise EngineError(f"the image {name} can't be pulled", hint="go online")
        self.done.append(f"pull {name}")
        self.here[name] = digest or self.published[name]

    def remove(self, name: str) -> None:
        if name in self.stuck:
            raise EngineError(f"the image {name} could not be removed", hint="look at it")
        self.done.append(f"remove {name}")

    def build(self, name: str) -> None:
        self.done.append(f"build {name}")
        self.here[name] = "sha256:built"


@dataclass
class FakeWatch:
    """What happens, event by event; after the last one nothing more does."""

    script: Iterable[Event] = ()
    logs_read: list[str] = field(default_factory=list)
    is_closed: bool = False

    def follow(self, process: Any) -> None:
        """What a started process says is among the events."""

    def read_log(self, state: ServiceState) -> None:
        self.logs_read.append(state.name)

    def events(self, until: float) -> Iterator[Event]:
        del until
        yield from self.script

    def close(self) -> None:
        self.is_closed = True


@dataclass
class FakeDocker:
    """An engine of plain values. `asked`: what was asked that changes something, or looks inside."""

    images: FakeImages = field(default_factory=FakeImages)
    is_local: bool = True
    view: EngineView = ""
    link_: EngineLink = field(default_factory=lambda: EngineLink(address="unix:///d.sock", socket="/d.sock"))
    own_binds: tuple[Bind, ...] | None = None
    seen: EngineSeen = field(default_factory=an_engine)
    details_: EngineDetails = field(
        default_factory=lambda: EngineDetails(
            root=PurePosixPath("/var/lib/docker"), image_folder=PurePosixPath("/var/lib/docker"), cgroup_version=2
        )
    )
    leftovers_: Leftovers = field(default_factory=Leftovers)
    states_: dict[str, ServiceState] = field(default_factory=dict)
    containers_: list[ContainerSeen] = field(default_factory=list)
    projects: frozenset[tuple[str, str]] = frozenset()
    foreign: frozenset[str] = frozenset()  # names of others' stacks
    runs: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the orchestrators of those that not Compose runs
    mounted: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)  # containers, by name
    volumes: dict[str, PurePosixPath] = field(default_factory=dict)  # where their files are
    logs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    subnets_: tuple[tuple[IPv4Network, ...], tuple[IPv4Network, ...]] = ((), ())
    in_network: dict[str, dict[str, str]] = field(default_factory=dict)
    published_: tuple[dict[int, str], set[int]] = field(default_factory=lambda: ({}, set()))
    networks: dict[str, Existing] = field(default_factory=dict)
    made: list[tuple[str, Network]] = field(default_factory=list)  # to be shut off from all others, where need be
    attachments: dict[str, ContainerNetworking] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    trials: dict[str, GpuTrial] = field(default_factory=dict)  # by driver: what a container with the GPU shows
    cdi_files: CdiSeen | None = None
    folder_trial: FolderTrial = field(default_factory=lambda: FolderTrial(state="seen"))
    reads: Iterator[ReadSeen] = field(default_factory=lambda: iter(()))  # what a container has had read, look by look
    silent: EngineError | None = None  # why it can't be asked for its content
    content_: EngineContent = field(default_factory=EngineContent)
    facts_: dict[str, Any] = field(default_factory=dict)
    cut_off: tuple[str, ...] = ()  # services whose containers had lost a network
    events: Iterable[Event] = ()
    answers: Callable[[str], ProbeResult] = lambda url: ProbeResult(url=url, failure="refused")
    running: tuple[RunningContainer, ...] = ()  # those that a restart of the engine stops
    asked: list[str] = field(default_factory=list)

    def refuse_distant(self, folder: PurePosixPath, command: str) -> None:
        del folder, command

    def link(self, *, within_s: float) -> EngineLink:
        del within_s
        return self.link_

    def loading(self) -> AbstractContextManager[None]:
        return nullcontext()

    def look(self, compose_argv: tuple[str, ...], compose_version: tuple[int, ...]) -> EngineSeen:
        del compose_argv, compose_version
        return self.seen

    def details(self) -> EngineDetails:
        return self.details_

    def leftovers(self) -> Leftovers:
        return self.leftovers_

    def containers(self, project: str) -> tuple[ContainerSeen, ...]:
        del project
        return tuple(self.containers_)

    def stopped_by_restart(self) -> tuple[RunningContainer, ...]:
        return self.running

    def forget(self) -> None:
        self.asked.append("forget")

    def refuse_foreign(self, project: str, folder: PurePosixPath) -> None:
        del folder
        if project in self.foreign:
            raise ConfigError(f"{project} is another's", hint="choose another name", issue="name-taken")

    def claim(self, project: str, says: Says) -> AbstractContextManager[None]:
        del says
        self.asked.append(f"claim {project}")
        return nullcontext()

    def content(self) -> EngineContent:
        if self.silent:
            raise self.silent
        return self.content_

    def remove_container(self, container: str) -> None:
        self.asked.append(f"remove container {container}")

    def remove_network(self, network: str) -> None:
        self.asked.append(f"remove network {network}")

    def facts(self, project: str) -> dict[str, Any]:
        del project
        return self.facts_

    def stack_folders(self) -> frozenset[tuple[str, str]]:
        return self.projects

    def run_by(self, project: str) -> tuple[str, ...]:
        return self.runs.get(project, ("compose",))

    def mounting(self, folder: Path) -> tuple[str, ...]:
        return self.mounted.get(folder, ())

    def service(self, container: str) -> Service | None:
        return self.services.get(container)

    def volume_folder(self, volume: str) -> PurePosixPath | None:
        return self.volumes.get(volume)

    def states(self, project: str) -> dict[str, ServiceState]:
        del project
        return dict(self.states_)

    def read_so_far(self, container: str) -> ReadSeen | None:
        del container
        return next(self.reads, None)

    def tail(self, state: ServiceState, lines: int = 200) -> tuple[str, ...]:
        self.asked.append(f"log of {state.name}")
        return self.logs.get(state.name, ())[-lines:]

    def stop(self, container_id: str, grace_s: int) -> None:
        del grace_s
        self.asked.append(f"stop {container_id}")

    def remove(self, project: str) -> None:
        self.asked.append(f"remove {project}")

    def remove_cut_off(self, project: str) -> tuple[str, ...]:
        del project
        return self.cut_off

    def watch(self, project: str) -> Any:
        del project
        return FakeWatch(self.events)

    def subnets(self, project: str) -> tuple[tuple[IPv4Network, ...], tuple[IPv4Network, ...]]:
        del project
        return self.subnets_

    def addresses(self, network: str) -> dict[str, str]:
        return self.in_network[network]

    def published(self, project: str) -> tuple[dict[int, str], set[int]]:
        del project
        return self.published_

    def attached(self, container: str) -> ContainerNetworking:
        return self.attachments[container]

    def make_networks(self, project: str, wanted: tuple[Network, ...]) -> None:
        self.made += [(project, one) for one in wanted]

    def existing(self, network: str) -> Existing | None:
        return self.networks.get(network)

    def read_files(self, image: str, paths: tuple[str, ...]) -> dict[str, str]:
        self.asked.append(f"files of {image}")
        return {name: text for name, text in self.files.items() if name.startswith(paths)}

    def try_folder(self, image: str, file: PurePosixPath, user: Owner) -> FolderTrial:
        del user
        self.asked.append(f"{file} in {image}")
        return self.folder_trial

    def cdi(self) -> CdiSeen | None:
        return self.cdi_files

    def try_gpu(self, image: str, request: GpuRequest, user: Owner | None) -> GpuTrial:
        del user
        self.asked.append(f"GPU by {request.driver} with {image}")
        granted = GpuTrial(drivers=(request.driver,), unseen="the image has no shell by which to look inside")
        return self.trials.get(request.driver, granted)

    def gateway(self) -> str:
        return "172.17.0.1"

    def network(self, wanted: str) -> str:
        return wanted if wanted in self.networks else "bridge"

    @contextmanager
    def own_network(self, name: str) -> Iterator[str]:
        self.asked.append(f"make {name}")
        yield name
        self.asked.append(f"remove {name}")

    def ask(
        self,
        image: str,
        network: str,
        urls: tuple[str, ...],
        requests: tuple[Request, ...],
        key: Secret | None,
        *,
        patience_s: float = 10.0,
    ) -> tuple[ProbeResult, ...]:
        del image, requests, key, patience_s
        self.asked += [f"{url} from {network}" for url in urls]
        return tuple(self.answers(url) for url in urls)


@dataclass
class FakeHost:
    """A machine of plain values; `listening_`: by address."""

    processor: Cpu = field(default_factory=Cpu)
    memory: Ram = field(default_factory=lambda: Ram(total_mib=16_384, free_mib=12_288))
    speed: ReadSpeed | None = None
    is_windows: bool = False
    container_: str = ""
    hypervisor_: str = ""
    variables: dict[str, str] = field(default_factory=dict)  # that choose GPUs for other programs
    around: HostIdentity = field(default_factory=HostIdentity)
    own_names: tuple[str, ...] = ()
    zone: str = ""
    own_interfaces: dict[str, tuple[str, ...]] = field(default_factory=dict)
    own_bridges: frozenset[str] = frozenset()
    own_addresses: tuple[str, ...] = ()
    networks: tuple[IPv4Network, ...] = ()
    leads_to: tuple[tuple[str, IPv4Network], ...] = ()  # interfaces, with the networks that routes lead to by them
    listening_: dict[str, dict[int, str]] = field(default_factory=dict)
    open_: frozenset[tuple[str, int]] = frozenset()
    node_ids: dict[Path, tuple[int, ...]] = field(default_factory=dict)
    started_by: dict[int, tuple[int, ...]] = field(default_factory=dict)  # a process -> it, and those that started it
    rendering: Callable[[TemplateRequest], tuple[str | None, ...] | str] = lambda _: "it is not rendered here"
    answer: Callable[[str], ProbeResult] = lambda url: ProbeResult(url=url, failure="refused")
    has_browser: bool = False
    make_key: Callable[[], Secret] = random_secrets.new_key
    woken: list[tuple[str, str]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def cpu(self) -> Cpu:
        return self.processor

    def ram(self, container: int | None) -> Ram:
        self.asked.append(f"RAM, own process {container}")
        return self.memory

    def read_speed(self) -> ReadSpeed | None:
        self.asked.append("read speed")
        return self.speed

    def render_template(self, request: TemplateRequest) -> tuple[str | None, ...] | str:
        return self.rendering(request)

    def is_wsl(self) -> bool:
        return self.is_windows

    def container_kind(self) -> str:
        return self.container_

    def hypervisor(self) -> str:
        return self.hypervisor_

    def gpu_variables(self) -> dict[str, str]:
        return self.variables

    def identity(self, gateway: str) -> HostIdentity:
        del gateway
        return self.around

    def names(self) -> tuple[str, ...]:
        return self.own_names

    def time_zone(self) -> str:
        return self.zone

    def interfaces(self) -> dict[str, tuple[str, ...]]:
        return self.own_interfaces

    def bridges(self) -> frozenset[str]:
        return self.own_bridges

    def addresses(self) -> tuple[str, ...]:
        return self.own_addresses

    def routes(self) -> tuple[IPv4Network, ...]:
        return self.networks

    def routes_by_interface(self) -> tuple[tuple[str, IPv4Network], ...]:
        return self.leads_to

    def listening(self, address: str) -> dict[int, str]:
        self.asked.append(f"ports at {address}")
        return dict(self.listening_.get(address, {}))

    def listeners(self, port: int) -> tuple[str, ...]:
        return tuple(address for address, ports in self.listening_.items() if port in ports)

    def free_port(self) -> int:
        return 18_000

    def is_open(self, address: str, port: int) -> bool:
        self.asked.append(f"{address}:{port}")
        return (address, port) in self.open_

    def ask_here(self, url: str, requests: tuple[Request, ...], key: Secret | None) -> ProbeResult:
        del requests, key
        self.asked.append(url)
        return self.answer(url)

    def node_processes(self, folder: Path) -> tuple[int, ...]:
        return self.node_ids.get(folder, ())

    def ancestors(self, process: int) -> tuple[int, ...]:
        return self.started_by.get(process, ())

    def wake(self, mac: str, target: str) -> None:
        self.woken.append((mac, target))

    def browse(self, url: str) -> bool:
        self.shown.append(url)
        return self.has_browser

    def new_key(self) -> Secret:
        return self.make_key()

    def new_password(self) -> Secret:
        return random_secrets.new_password()


@dataclass
class FakeSystem:
    """An operating system of plain values. `texts`: by path; `answers`: what programs say, by their joined arguments.

    A program is there if an answer of it is known, or `programs` lists it. `ran`, `written`: what was changed.
    """

    texts: dict[str, str] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)  # when a file was written
    programs: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Ran] = field(default_factory=dict)
    disks: dict[str, DiskUse] = field(default_factory=dict)  # by the longest path that holds one
    identities: dict[str, tuple[int, int]] = field(default_factory=dict)
    unwritable: set[str] = field(default_factory=set)  # folders
    proxies: dict[str, str] = field(default_factory=dict)  # by URL
    unresolved: dict[str, str] = field(default_factory=dict)  # name -> why it has no address
    servers: dict[str, Reached] = field(default_factory=dict)  # by URL; another one answers with 200
    who: User = field(default_factory=lambda: User(name="user", uid=1000, groups=("user", "docker")))
    kernel_: str = "6.12.0"
    machine_: str = "x86_64"
    time: float = 1_796_000_000.0
    age: float = 0.5  # of the program, in seconds
    asked: list[tuple[str, ...]] = field(default_factory=list)
    ran: list[tuple[str, ...]] = field(default_factory=list)
    outcomes: dict[str, Ran] = field(default_factory=dict)  # of programs that change something
    effects: dict[tuple[str, ...], Callable[[], object]] = field(default_factory=dict)  # what such a program does
    written: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)  # the environment
    temporary_: str = "/nowhere"
    removal: tuple[str, ...] = ("pipx", "uninstall", "stackctl")

    def text(self, path: PurePosixPath, *, most: int = 1 << 20) -> str | None:
        found = self.texts.get(str(path))
        return None if found is None else found[:most]

    def names(self, folder: PurePosixPath) -> tuple[str, ...]:
        below = [PurePosixPath(one) for one in self.texts]
        return tuple(
            sorted({one.relative_to(folder).parts[0] for one in below if one != folder and one.is_relative_to(folder)})
        )

    def exists(self, path: PurePosixPath) -> bool:
        return str(path) in self.texts or bool(self.names(path))

    def modified(self, path: PurePosixPath) -> float:
        return self.times.get(str(path), 0.0)

    def program(self, name: str) -> str:
        is_known = any(line.split(" ")[0] == name for line in self.answers)
        return self.programs.get(name, f"/usr/bin/{name}" if is_known else "")

    def ask(self, argv: tuple[str, ...], *, within_s: float = 1.0) -> Ran:
        del within_s
        self.asked.append(argv)
        return self.answers.get(" ".join(argv), Ran(code=-1, err="not found"))

    def run(self, argv: tuple[str, ...], *, needs_root: bool) -> Ran:
        del needs_root
        self.ran.append(argv)
        done = self.outcomes.get(" ".join(argv), Ran(code=0))
        if not done.code and argv in self.effects:
            self.effects[argv]()
        return done

    def write(self, path: PurePosixPath, text: str, *, needs_root: bool, validate: tuple[str, ...] = ()) -> Written:
        if validate and (refused := self.outcomes.get(" ".join(validate), Ran(code=0))).code:
            raise DataError(f"{path} was not written: {refused.err}")
        copy = self.copy_aside(path, needs_root=needs_root) if str(path) in self.texts else None
        self.written[str(path)] = self.texts[str(path)] = text
        return Written(path=path, copy=copy)

    def copy_aside(self, path: PurePosixPath, *, needs_root: bool) -> PurePosixPath:
        del needs_root
        copy = path.with_name(f"{path.name}.before-stackctl-1")
        self.texts[str(copy)] = self.texts[str(path)]
        return copy

    def disk(self, path: PurePosixPath) -> DiskUse | None:
        holding = [one for one in self.disks if path.is_relative_to(one)]
        return self.disks[max(holding, key=len)] if holding else None

    def identity(self, path: PurePosixPath) -> tuple[int, int] | None:
        return self.identities.get(str(path))

    def may_write(self, folder: PurePosixPath) -> bool:
        return str(folder) not in self.unwritable

    def proxy(self, url: str) -> str:
        return self.proxies.get(url, "")

    def resolve(self, name: str, *, within_s: float = 1.5) -> str:
        del within_s
        return self.unresolved.get(name, "")

    def reach(self, url: str, *, within_s: float = 1.5) -> Reached:
        del within_s
        return self.servers.get(url, Reached(status=200, ahead_s=0.0))

    def user(self) -> User:
        return self.who

    def temporary(self) -> PurePosixPath:
        return PurePosixPath(self.temporary_)

    def installer(self) -> tuple[str, ...]:
        return self.removal

    def environment(self) -> Mapping[str, str]:
        return self.variables

    def kernel(self) -> str:
        return self.kernel_

    def architecture(self) -> str:
        return self.machine_

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def pause(self, seconds: float) -> None:
        self.time += seconds

    def age_s(self) -> float:
        return self.age


@dataclass
class FakeGpus:
    """The GPUs of this machine, and what a container holds of each, by UUID. `asked`: for which process.

    `readings`: what each does now, by default its memory alone. `woken`: whether each reading was allowed to wake them.
    """

    found: tuple[Gpu, ...] = ()
    held_mib: dict[str, int] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    cards_: tuple[Card, ...] = ()
    readings: tuple[GpuReading, ...] = ()
    woken: list[bool] = field(default_factory=list)

    def list(self, *, waits: bool = True, within_s: float | None = None) -> tuple[Gpu, ...]:
        del waits, within_s
        return self.found

    def cards(self) -> tuple[Card, ...]:
        return self.cards_

    def read(self, *, wakes: bool = True) -> tuple[GpuReading, ...]:
        self.woken.append(wakes)
        plain = tuple(GpuReading(uuid=one.uuid, total_mib=one.total_mib, free_mib=one.free_mib) for one in self.found)
        return self.readings or plain

    def held(self, container: int) -> dict[str, int]:
        self.asked.append(container)
        return self.held_mib


@dataclass
class FakeHub:
    """A hub that has what it was given: repositories by name, files by URL."""

    repositories: dict[str, Repo] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    hits: tuple[Hit, ...] = ()
    xet_from: int = 50 * 10**9
    unreachable: ModelError | None = None
    asked: list[str] = field(default_factory=list)

    def address(self) -> str:
        return "https://hub.example"

    def check_connection(self) -> None:
        if self.unreachable:
            raise self.unreachable

    def search(self, query: Query) -> tuple[Hit, ...]:
        self.asked.append(query.words)
        return self.hits[: query.limit]

    def repository(self, source: Source, *, waits: bool = True) -> Repo:
        del waits
        self.asked.append(source.repo)
        if source.repo not in self.repositories:
            raise ModelError(f"there is no repository {source.repo}", hint="check the name")
        return self.repositories[source.repo]

    def request(self, source: Source, file: str, *, is_asked: bool = True) -> FileRequest:
        del is_asked
        return FileRequest(url=f"hub://{source.repo}/{file}", headers={})

    def xet(self, source: Source, file: str, target: Path) -> None:
        target.write_bytes(self._content(f"hub://{source.repo}/{file}"))

    def fetch(
        self,
        url: str,
        target: Path,
        *,
        size: int,
        sha256: str,
        progress: Callable[[int, int], None],
        headers: Mapping[str, str] | None = None,
    ) -> str:
        del headers
        content = self._content(url)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        progress(len(content), size)
        return sha256

    def read_head(
        self, url: str, needed: Callable[[bytes, int], int], *, headers: Mapping[str, str] | None = None
    ) -> RemoteHead:
        del headers
        content = self._content(url)
        return RemoteHead(content=content[: needed(content, len(content))], size=len(content), bytes_per_s=1e6)

    def read_whole(self, url: str, *, most: int, may_follow: Callable[[str, str], bool]) -> bytes:
        del may_follow
        return self._content(url)[:most]

    def _content(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.files:
            raise ModelError(f"{url} is not there", hint="check the address")
        return self.files[url]


@dataclass
class FakeTavern:
    """SillyTavern's page, as it was given; `asked`: by which way, and with which login."""

    page: Page | None = None
    at_backend: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    keys: list[Secret | None] = field(default_factory=list)  # with which the backend was asked

    def open(self, url: str, login: tuple[str, Secret] | None) -> Page:
        self.asked.append(f"{url} as {login[0] if login else 'anybody'}")
        assert self.page
        return self.page

    def open_inside(self, container: str, url: str, login: tuple[str, Secret] | None) -> Page:
        self.asked.append(f"{url} inside {container} as {login[0] if login else 'anybody'}")
        assert self.page
        return self.page

    def ask_backend(self, container: str, url: str, request: Request, limit: Limit, key: Secret | None = None) -> str:
        del limit
        self.keys.append(key)
        self.asked.append(f"{url}{request.path}{f' {request.body}' if request.body else ''} inside {container}")
        return self.at_backend.get(request.path, "")


@dataclass
class FakeApplying:
    """A start of which the engine's events are all that is told."""

    watch: Any
    is_closed: bool = False

    def events(self, until: float) -> Iterator[Event]:
        yield from self.watch.events(until)

    def read_log(self, state: ServiceState) -> None:
        self.watch.read_log(state)

    def close(self) -> None:
        self.is_closed = True
        self.watch.close()


@dataclass
class FakeOrchestrator:
    """Takes every file, and brings about nothing: what runs is what the engine says. `asked`: what changes something.

    `hashes`: what the new file gives each service; `lines`: what its logs say.
    """

    folder: Folder
    docker: FakeDocker
    refusal: StackctlError | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    exit_code: int = 0
    asked: list[tuple[str, ...]] = field(default_factory=list)
    name: str = "compose"
    title: str = "Docker Compose"
    file: str = render.FILE
    at_places: tuple[str, ...] = ("",)  # where a backend may run
    finds: bool = False  # whether a survey finds what was not known; then that is known
    surveyed: list[str] = field(default_factory=list)  # the models for which the machines were looked at
    reports: tuple[NodeReport, ...] = ()
    brought: tuple[Brought, ...] = ()
    others: dict[Path, tuple[Service, ...] | StackctlError] = field(
        default_factory=dict
    )  # by their compose file's folder

    program: str = "docker compose"
    publishes_everywhere: bool = False
    machines: CheckResult = field(default_factory=lambda: CheckResult(applies=False))  # what is found of them

    def at(self, folder: Folder) -> "FakeOrchestrator":
        return FakeOrchestrator(folder, self.docker, others=self.others)

    def examine(self, name: str) -> CheckResult:
        del name
        return self.machines

    def gateway(self) -> str:
        return ""

    def recorded_gateway(self) -> str:
        return ""

    def places(self, plan: Plan) -> tuple[str, ...]:
        del plan
        return self.at_places

    def starting(self) -> tuple[str, ...]:
        return ("docker", self.name, "up", "-d")

    def removal(self, name: str) -> tuple[str, ...]:
        return ("docker", self.name, "remove", name)

    def survey(self, plan: Plan) -> bool:
        self.surveyed.append(plan.model_name)
        found, self.finds = self.finds, False
        return found

    def nodes(self, plan: Plan) -> tuple[NodeReport, ...]:
        del plan
        return self.reports

    def bring(self, plan: Plan, says: Brings) -> tuple[Brought, ...]:
        for one in self.brought:
            says(one.node, "copies", one.copied_bytes, plan.model_bytes)
        return self.brought

    def services(self, file: str = "") -> tuple[Service, ...] | None:
        found = self.others.get(self.folder.path / file)
        if isinstance(found, StackctlError):
            raise found
        return found

    def observe(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        return ("docker", "compose"), (2, 40, 3)

    def addresses(self, name: str) -> tuple[tuple[IPv4Network, ...], tuple[IPv4Network, ...]]:
        return self.docker.subnets(name)

    def files(self, plan: Plan, folder: PurePosixPath | None = None) -> dict[str, str]:
        return {self.file: render.render(plan, template, folder=folder)}

    def additions(self) -> tuple[str, ...]:
        return tuple(name for name in ("compose.override.yml", ".env") if self.folder.has_file(name))

    def check(self, name: str, text: str) -> None:
        del text
        self.asked.append(("check", name))
        if self.refusal:
            raise self.refusal

    def apply(
        self,
        name: str,
        service: str | None = None,
        *,
        action: Action = "apply",
        images: Mapping[str, str] = MappingProxyType({}),
    ) -> Applying:
        self.asked.append((action, name, service or "all", *(f"{one} by {images[one]}" for one in images)))
        return FakeApplying(self.docker.watch(name))

    def watch(self, name: str) -> Watch:
        found: Watch = self.docker.watch(name)
        return found

    def states(self, name: str) -> dict[str, ServiceState]:
        return self.docker.states(name)

    def changes(self, name: str, old: str, new: str) -> tuple[Change, ...]:
        containers, states = self.docker.containers(name), self.docker.states(name)
        return changes(
            containers,
            states,
            self.hashes,
            render.services(old),
            render.services(new),
            otherwise="changed: compose.override.yml, a change by hand, or an unfinished deploy",
        )

    def logs(
        self, name: str, service: str | None, *, lines: str, follow: bool, out: Callable[[str], None], coloured: bool
    ) -> int:
        del coloured
        self.asked.append(("logs", name, service or "all", lines, "follow" if follow else ""))
        for line in self.lines:
            out(line)
        return self.exit_code

    def stop(self, name: str, service: str | None) -> None:
        self.asked.append(("stop", name, service or "all"))

    def down(self, name: str, *, volumes: bool) -> None:
        self.asked.append(("down", name, "volumes" if volumes else ""))


def hub_at(url: str, sleep: Callable[[float], None] = lambda _: None) -> Hub:
    """The real hub's client, for a hub at a URL."""
    return Hub(
        fetch=partial(download.fetch, sleep=sleep),
        read_head=partial(ranged.read_head, sleep=sleep),
        read_whole=partial(whole.read_whole, bounded=bounded),
        endpoint=url,
        sleep=sleep,
    )


def disk(folder: Path) -> Disk:
    """The real disk; what stacks share lies in `folder`. Its clock stands still, so that no catalogue grows old."""
    ollama = partial(find_copy, places=(folder / "ollama",))
    places: Places = {
        **{name: (folder / "caches" / name,) for name in (HUB, STUDIO, LLAMACPP)},
        OLLAMA: (folder / "ollama",),
    }
    return Disk(
        folder,
        models.observe_model,
        contents,
        where,
        ollama,
        partial(find_file, places=places),
        partial(list_models, places),
        environment={},
        today=lambda: TODAY,
    )


def owner_here(folder: Path) -> Owner:
    """Who owns a folder that exists."""
    found = folder.stat()
    return Owner(uid=found.st_uid, gid=found.st_gid)
