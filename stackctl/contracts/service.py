"""Services, networks and what they take of the machine. Nothing here knows Compose's syntax."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from stackctl.contracts.host import Owner


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
    owner: Owner | None = None


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
    """GPUs for one service: by the NVIDIA toolkit's driver or as CDI devices."""

    driver: Literal["nvidia", "cdi"]
    devices: tuple[str, ...]  # () with nvidia: all of them


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
class Service:
    """One container: what runs, as whom, with what."""

    name: str
    image: str
    image_is: Literal["tried", "unverified", "own"] = "tried"
    entrypoint: tuple[str, ...] = ()  # (): the image's own
    entrypoint_is: Literal["", "waits", "mounted"] = ""  # for another service first; a program among `mounts`
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: Owner | None = None  # None: as the image says
    capabilities: tuple[str, ...] = ()  # beyond none
    read_only_root: bool = True
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    networks: tuple[str, ...] = ()
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
    fingerprint: str = ""  # of the mounted files' content: a change must recreate the container
