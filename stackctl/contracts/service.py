"""Services, networks and the resources that they use. Nothing here knows Compose's syntax."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from stackctl.contracts.host import Owner

ImageState = Literal["tried", "unverified", "own"]
Role = Literal["backend", "frontend", "companion"]  # computes; shows the chat; helps them
Variant = str  # the build of an image or program: "cpu", or a make's VARIANT; each backend lists its variants
CPU: Final[Variant] = "cpu"


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A file or folder of the host, mounted into a container; it must exist before the start."""

    source: str
    target: str
    read_only: bool = True


@dataclass(frozen=True, kw_only=True)
class Tmpfs:
    """A folder in memory."""

    target: str
    size_mib: int
    executable: bool = False
    owner: Owner | None = None  # with the ids inside the container; None if every user there may write


@dataclass(frozen=True, kw_only=True)
class Health:
    """A command inside the container that succeeds once the service can do its work; times in seconds."""

    test: tuple[str, ...]
    start_period_s: int
    interval_s: int = 10
    timeout_s: int = 5
    retries: int = 3
    start_interval_s: int | None = None  # engines before 25 don't know it


@dataclass(frozen=True, kw_only=True)
class GpuRequest:
    """The GPUs of one service: a reservation by a driver of the engine, or device files."""

    make: str  # a key of GPUS
    driver: str = ""  # the engine's driver that reserves them: nvidia, cdi; "" if none does
    devices: tuple[str, ...] = ()  # that driver's devices; () for all of them
    files: tuple[str, ...] = ()  # device files of the host, such as /dev/dri, or names of CDI devices
    groups: tuple[str, ...] = ()  # groups that may open those files
    environment: Mapping[str, str] = field(default_factory=dict)  # variables by which the program finds them
    gpus: tuple[str, ...] = ()  # their UUIDs, as the program counts them; () if they are not visible from here
    main: int = 0  # the place, among those, of the one that stack.toml names first


@dataclass(frozen=True, kw_only=True)
class Publish:
    """A port of a service, opened on an address of the host."""

    address: str
    port: int
    target: int

    @property
    def place(self) -> str:
        """Return the address and port as one text, as in a URL."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network with a fixed subnet; internal: without a route to other networks."""

    name: str
    subnet: str
    gateway: str
    internal: bool
    is_isolated: bool = False  # internal, and this machine itself has no address in it
    existing: str = ""  # Docker's name of a network that the stack joins and did not create


@dataclass(frozen=True, kw_only=True)
class Placement:
    """The machine on which a service runs, of several."""

    machine: str  # the orchestrator's name for it


@dataclass(frozen=True, kw_only=True)
class Service:
    """One container: its program, its user and its resources."""

    name: str
    role: Role
    image: str
    image_is: ImageState = "tried"
    entrypoint: tuple[str, ...] = ()  # () for the image's
    entrypoint_is: Literal["", "waits", "mounted"] = ""  # it waits for another service first; it is one of `mounts`
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: Owner | None = None  # the user of this machine as whom it reads and writes; None for the image's user
    user_inside: Owner | None = None  # the same user with the ids inside the container
    capabilities: tuple[str, ...] = ()  # those that are added after all were dropped
    read_only_root: bool = True
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    networks: tuple[str, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)  # network -> fixed address: for all networks or for none
    reaches_host: bool = False  # the name host.docker.internal leads to the engine's machine
    publish: tuple[Publish, ...] = ()
    labels: tuple[str, ...] = ()  # KEY=VALUE
    waits_for: tuple[str, ...] = ()  # services that must be healthy before this one starts
    health: Health
    grace_s: int = 10
    memory_mib: int | None = None
    cpus: float | None = None
    pids: int  # the largest number of processes and threads
    gpu: GpuRequest | None = None
    placement: Placement | None = None  # None if the orchestrator chooses; Compose knows one machine alone
    fingerprint: str = ""  # a hash of the mounted files' content: a change must recreate the container
