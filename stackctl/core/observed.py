"""What was found on the machine, as plain values: the input of plan()."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import PurePosixPath
from typing import Literal

from stackctl.contracts.answer import Answer
from stackctl.contracts.host import Cpu, Gpu, Owner
from stackctl.core.model.model import ModelSeen
from stackctl.secret import Secret

# why the engine may see another disk than we do: who runs it, or where we or it run; "": nothing speaks for it
EngineView = Literal["", "snap", "desktop", "container", "remote"]


@dataclass(frozen=True, kw_only=True)
class EngineSeen:
    """The container engine and its Compose, versions as numbers."""

    version: tuple[int, ...]
    compose: tuple[int, ...]
    compose_argv: tuple[str, ...]
    has_cpu_quota: bool = True
    hides_clients: str = ""  # who it is, where a published port never shows a client's address; "": it does
    product: str = "Docker Engine"  # as it calls itself, one of engine_features.PRODUCTS
    is_rootless: bool = False  # root in its containers is the user that it runs as, and other users have other numbers
    user: Owner | None = None  # as whom it runs, as this machine counts; None: that can't be seen from here
    is_local: bool = True  # its loopback is ours: a published 127.0.0.1 port can be reached from here
    runtimes: tuple[str, ...] = ()  # by name, as `docker info` lists them
    cdi_devices: tuple[str, ...] = ()  # "nvidia.com/gpu=0", ...


@dataclass(frozen=True, kw_only=True)
class ContainerSeen:
    """A container of a stack, as it was labelled when it was made; "" where a label is missing."""

    id: str
    service: str
    folder: str  # of the stack that made it
    config_hash: str  # by which Compose decides whether it is up to date


@dataclass(frozen=True, kw_only=True)
class Ram:
    """The machine's memory."""

    total_mib: int
    free_mib: int  # to be had without swapping
    own_mib: int = 0  # held by this stack's own backend, which a deploy gives back


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """One URL, asked. `answers`: by path; {} where none came, which `failure` says: name, refused, timeout, ..."""

    url: str
    failure: str = ""
    answers: Mapping[str, Answer] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class HostIdentity:
    """This machine as a URL may mean it, and the ways on which a container may reach it."""

    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()  # its own, the one first where its default route leads out
    gateway: str = ""  # of the engine's default bridge
    is_wsl: bool = False
    windows: tuple[str, ...] = ()  # addresses that may be those of the Windows beside WSL


@dataclass(frozen=True, kw_only=True)
class ServerSeen:
    """A backend elsewhere: what was asked of it from inside a container, and what this machine itself sees of it."""

    around: HostIdentity
    tried: tuple[ProbeResult, ...]
    here: ProbeResult | None = None  # asked from this machine, where it is meant and no container got an answer
    listeners: tuple[str, ...] = ()  # addresses of this machine on which its port is open
    key: Secret | None = None  # that was sent along


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Everything plan() may know of the world. The stack's own networks and port count as free."""

    folder: PurePosixPath
    owner: Owner  # of the folder; under sudo the caller
    model: ModelSeen
    key: Secret  # the backend's API key; kept, or new
    password: Secret | None = None  # SillyTavern's, likewise; None: it is not exposed
    interfaces: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # name -> "192.168.1.5/24", ...
    bridges: frozenset[str] = frozenset()  # of the interfaces, those that are bridges without a network card
    names: tuple[str, ...] | None = None  # of this machine; None: it was not looked at, or does not run the stack
    models: Mapping[str, ModelSeen] = field(default_factory=dict)  # of stack.toml's [models]: those that are there
    time_zone: str = ""  # of this machine, as Europe/Berlin; "": not known, or it does not run the stack
    engine: EngineSeen | None = None  # None: rendered without an engine
    gpus: tuple[Gpu, ...] = ()
    cpu: Cpu = field(default_factory=Cpu)
    ram: Ram | None = None  # None: not looked at, or another machine's
    is_wsl: bool = False
    taken_subnets: tuple[IPv4Network, ...] = ()  # of the engine's other networks
    routes: tuple[IPv4Network, ...] = ()  # of this machine, to other than the engine's networks and the Internet
    taken_ports: dict[int, str] = field(default_factory=dict)  # port -> who holds it, in words
    publish_conflicts: Mapping[str, str] = field(default_factory=dict)  # address:port of a companion -> who holds it
    proxy: str | None = None  # the address of sillytavern.proxy's container in its network; None: it was not looked for
    is_new: bool = False  # the stack has no containers
    has_run: bool = False  # SillyTavern has been started here, so people know its port
    ran_with: tuple[str, ...] = ()  # extra_args of the stack that was deployed here, or all that its program was given
    backend_runs: bool = False  # this stack's own backend, ready or not
    patience_s: int = 0  # how long the user says that a start may take; 0: that is left to us
    server: ServerSeen | None = None  # the backend, where it runs elsewhere and could be asked
    # where the backend's programs lie, or will: by name as in Backend.PROGRAMS; "": the one that the user brings
    programs: Mapping[str, PurePosixPath] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ReadSeen:
    """Bytes that a container has had read so far (`size`), and bytes of memory that it holds now, files among it."""

    size: int = 0
    held: int = 0


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """One service's container."""

    name: str
    container: str
    state: str  # created, running, restarting, exited, dead, paused
    health: str = ""  # "", starting, healthy, unhealthy
    exit_code: int = 0
    oom_killed: bool = False
    restarts: int = 0
    error: str = ""
    image: str = ""
    image_id: str = ""  # the one that runs, whatever its name means by now: sha256:...
    started_at: float = 0.0  # seconds since the epoch; 0.0: never
    gpu_drivers: tuple[str, ...] = ()  # through which it was given GPUs: nvidia, cdi
    devices: tuple[str, ...] = ()  # device files that were put into it, by their paths in there
    pid: int = 0  # of its first process, as the engine's machine counts; 0: it does not run

    @property
    def is_ready(self) -> bool:
        return self.state == "running" and self.health == "healthy"

    @property
    def is_only_unhealthy(self) -> bool:
        """Whether it runs, and its health check alone has given it up."""
        return self.state == "running" and self.health == "unhealthy" and not self.oom_killed

    @property
    def has_failed(self) -> bool:
        return (
            self.state in {"exited", "dead", "restarting"}
            or self.health == "unhealthy"
            or self.oom_killed
            or (self.state == "created" and self.error != "")
        )
