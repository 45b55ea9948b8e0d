"""Services, networks and what they take of the machine. Nothing here knows Compose's syntax."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from stackctl.contracts.host import Owner

ImageState = Literal["tried", "unverified", "own"]
Role = Literal["backend", "frontend", "companion"]  # who computes, who is chatted in, who helps them
Variant = str  # of an image or a program: "cpu", or what the make of a GPU says; each backend lists those it has
CPU: Final[Variant] = "cpu"


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A file or folder of the host inside a container; it must exist before the start."""

    source: str
    target: str
    read_only: bool = True


@dataclass(frozen=True, kw_only=True)
class Tmpfs:
    """A folder in memory."""

    target: str
    size_mib: int
    executable: bool = False
    owner: Owner | None = None  # as its container counts; None: everybody in there may write


@dataclass(frozen=True, kw_only=True)
class Health:
    """A command inside the container that succeeds once the service can do its work; times in seconds."""

    test: tuple[str, ...]
    start_period_s: int
    interval_s: int = 10
    timeout_s: int = 5
    retries: int = 3
    start_interval_s: int | None = None  # only engines from 25 on know it


@dataclass(frozen=True, kw_only=True)
class GpuRequest:
    """What gives one service its GPUs: a reservation by a driver of the engine, or device files."""

    make: str  # of GPUS
    driver: str = ""  # through which the engine reserves them: nvidia, cdi; "": it reserves none
    devices: tuple[str, ...] = ()  # of that driver; (): all of them
    files: tuple[str, ...] = ()  # devices of the host as files, such as /dev/dri, or CDI devices by name
    groups: tuple[str, ...] = ()  # that may open those files
    environment: Mapping[str, str] = field(default_factory=dict)  # what the program is told about them


@dataclass(frozen=True, kw_only=True)
class Publish:
    """A port of a service, opened on an address of the host."""

    address: str
    port: int
    target: int

    @property
    def place(self) -> str:
        """Address and port in one, as a URL has them."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Network:
    """A fixed subnet; internal: without a way out."""

    name: str
    subnet: str
    gateway: str
    internal: bool
    is_isolated: bool = False  # internal, and not even this machine has an address in it
    existing: str = ""  # what Docker calls it, where it is somebody else's


@dataclass(frozen=True, kw_only=True)
class Placement:
    """On which of several machines a service runs."""

    machine: str  # as the orchestrator calls it


@dataclass(frozen=True, kw_only=True)
class Service:
    """One container: what runs, as whom, with what."""

    name: str
    role: Role
    image: str
    image_is: ImageState = "tried"
    entrypoint: tuple[str, ...] = ()  # (): the image's own
    entrypoint_is: Literal["", "waits", "mounted"] = ""  # for another service first; a program among `mounts`
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: Owner | None = None  # of this machine, as whom it reads and writes; None: as the image says
    user_inside: Owner | None = None  # who that is in its container, as the engine counts
    capabilities: tuple[str, ...] = ()  # beyond none
    read_only_root: bool = True
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    networks: tuple[str, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)  # fixed ones, by network: in all or in none
    reaches_host: bool = False  # knows the engine's own machine as host.docker.internal
    publish: tuple[Publish, ...] = ()
    labels: tuple[str, ...] = ()  # KEY=VALUE
    waits_for: tuple[str, ...] = ()  # healthy before this one starts
    health: Health
    grace_s: int = 10
    memory_mib: int | None = None
    cpus: float | None = None
    pids: int  # the most processes and threads
    gpu: GpuRequest | None = None
    placement: Placement | None = None  # None: where the orchestrator puts it; Compose knows one machine alone
    fingerprint: str = ""  # of the mounted files' content: a change must recreate the container
