"""What stackctl observed on the machine, as plain values: the input of plan()."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import PurePosixPath
from typing import Literal

from stackctl.contracts.answer import Answer
from stackctl.contracts.cdi import CdiSeen
from stackctl.contracts.host import Cpu, Gpu, Owner, ReadSpeed
from stackctl.core.model.model import ModelSeen
from stackctl.secret import Secret

# why the engine may see another disk than stackctl: who runs it, or where it or stackctl runs; "" if it may not
EngineView = Literal["", "snap", "desktop", "container", "remote"]


@dataclass(frozen=True, kw_only=True)
class EngineSeen:
    """The container engine and its Compose, versions as numbers."""

    version: tuple[int, ...]
    compose: tuple[int, ...]
    compose_argv: tuple[str, ...]
    has_cpu_quota: bool = True
    hides_clients: str = ""  # its name, if a published port never shows a client's address; "" if it does
    product: str = "Docker Engine"  # its own name, one of engine_features.PRODUCTS
    is_rootless: bool = False  # root in its containers is the engine's user, and other users have other numbers
    user: Owner | None = None  # the user of this machine that runs it; None if that is not visible from here
    is_local: bool = True  # it shares this machine's loopback: a published 127.0.0.1 port can be reached from here
    runtimes: tuple[str, ...] = ()  # the names that `docker info` lists
    cdi_devices: tuple[str, ...] = ()  # "nvidia.com/gpu=0", ...


@dataclass(frozen=True, kw_only=True)
class RunningContainer:
    """A container that runs on the engine, whoever made it. returns: the engine starts it again after a restart."""

    name: str
    returns: bool = True


@dataclass(frozen=True, kw_only=True)
class ContainerSeen:
    """A container of a stack, by the labels of its creation; "" if a label is missing."""

    id: str
    service: str
    folder: str  # the folder of the stack that created it
    config_hash: str  # Compose compares it to decide whether the container is up to date


@dataclass(frozen=True, kw_only=True)
class Ram:
    """The machine's memory."""

    total_mib: int
    free_mib: int  # available without swapping
    own_mib: int = 0  # what this stack's backend holds, and frees in a deploy


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """The probe of one URL. answers: by path; {} if none came, and failure says why: name, refused, timeout, ..."""

    url: str
    failure: str = ""
    answers: Mapping[str, Answer] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class HostIdentity:
    """The names and addresses by which a URL may mean this machine, and a container may reach it."""

    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()  # its addresses, that of the default route first
    gateway: str = ""  # the gateway of the engine's default bridge
    is_wsl: bool = False
    windows: tuple[str, ...] = ()  # possible addresses of the Windows that runs this WSL


@dataclass(frozen=True, kw_only=True)
class ServerSeen:
    """An external backend: the probes from inside a container, and the view from this machine."""

    around: HostIdentity
    tried: tuple[ProbeResult, ...]
    here: ProbeResult | None = None  # the probe from this machine, if the URL means it and no container got an answer
    listeners: tuple[str, ...] = ()  # addresses of this machine on which its port is open
    elsewhere: tuple[ProbeResult, ...] = ()  # probes of the usual ports, if its own does not answer
    key: Secret | None = None  # the API key that the probes sent


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Everything that plan() may know about the world. The networks and the port of this stack count as free."""

    folder: PurePosixPath
    owner: Owner  # the folder's owner; under sudo the caller
    model: ModelSeen
    key: Secret  # the backend's API key; kept, or new
    password: Secret | None = None  # SillyTavern's password; kept, or new; None if it is not exposed
    interfaces: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # name -> "192.168.1.5/24", ...
    bridges: frozenset[str] = frozenset()  # of the interfaces, those that are bridges without a network card
    names: tuple[str, ...] | None = None  # this machine's names; None if not observed, or it does not run the stack
    models: Mapping[str, ModelSeen] = field(default_factory=dict)  # those of stack.toml's [models] that exist
    time_zone: str = ""  # of this machine, as Europe/Berlin; "" if unknown, or it does not run the stack
    engine: EngineSeen | None = None  # None in a render without an engine
    gpus: tuple[Gpu, ...] = ()
    cdi: CdiSeen | None = None  # the engine's CDI files; None if not observed, or they are not those of this machine
    cpu: Cpu = field(default_factory=Cpu)
    ram: Ram | None = None  # None if not observed, or another machine runs the stack
    read_speed: ReadSpeed | None = None  # of its RAM; None if it was not measured
    is_wsl: bool = False
    view: EngineView = ""
    container: str = ""  # the kind of the container that this system is, as lxc; "" on a machine
    hypervisor: str = ""  # the name of the one below this virtual machine; "" if none is seen
    gpu_variables: Mapping[str, str] = field(default_factory=dict)  # those of GPU_VARIABLES that are set
    taken_subnets: tuple[IPv4Network, ...] = ()  # those of the engine's other networks
    gateway: str = ""  # of the edge network, if the orchestrator brings another than the first address of its subnet
    routes: tuple[IPv4Network, ...] = ()  # this machine's routes, except to the engine's networks and the Internet
    taken_ports: dict[int, str] = field(default_factory=dict)  # port -> description of its holder
    publish_conflicts: Mapping[str, str] = field(default_factory=dict)  # address:port of a companion -> its holder
    proxy: str | None = None  # the address of sillytavern.proxy's container in its network; None if not observed
    is_new: bool = False  # the stack has no containers
    has_run: bool = False  # SillyTavern was started here before, so people know its port
    ran_with: tuple[str, ...] = ()  # extra_args of the deployed stack, or all arguments of its program
    backend_runs: bool = False  # this stack's backend runs, ready or not
    patience_s: int = 0  # the longest start that the user allows; 0 for stackctl's default
    server: ServerSeen | None = None  # the external backend, if it could be asked
    # paths of the backend's programs, existing or future: by key of Backend.PROGRAMS; "" for the user's program
    programs: Mapping[str, PurePosixPath] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ReadSeen:
    """The bytes that a container has read so far (size), and the memory that it holds now, including cached files.

    used: the latter without the cached files that are not in use, as `docker stats` shows it.
    """

    size: int = 0
    held: int = 0
    used: int = 0


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """The state of one service's container."""

    name: str
    container: str
    state: str  # created, running, restarting, exited, dead, paused
    health: str = ""  # "", starting, healthy, unhealthy
    health_output: str = ""  # what its last health check wrote, if that failed
    exit_code: int = 0
    oom_killed: bool = False
    restarts: int = 0
    error: str = ""
    image: str = ""
    image_id: str = ""  # the running image (sha256:...), even if its name now means another one
    started_at: float = 0.0  # seconds since the epoch; 0.0 if it never started
    gpu_drivers: tuple[str, ...] = ()  # the drivers that gave it GPUs: nvidia, cdi
    devices: tuple[str, ...] = ()  # its device files, by their paths inside the container
    pid: int = 0  # its first process, as a pid of the engine's machine; 0 if it does not run
    machine: str = ""  # the name of the machine that runs it; "" for the one that we run on

    @property
    def is_ready(self) -> bool:
        return self.state == "running" and self.health == "healthy"

    @property
    def is_only_unhealthy(self) -> bool:
        """Return whether it runs, and only its health check fails."""
        return self.state == "running" and self.health == "unhealthy" and not self.oom_killed

    @property
    def has_failed(self) -> bool:
        return (
            self.state in {"exited", "dead", "restarting"}
            or self.health == "unhealthy"
            or self.oom_killed
            or (self.state == "created" and self.error != "")
        )
