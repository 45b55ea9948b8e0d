"""What was decided: services, networks, exposure. Nothing here knows Compose's syntax."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from stackctl.core.choice import Choice
from stackctl.core.secret import Secret
from stackctl.core.seen import Owner
from stackctl.core.templates import Template


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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A stack with nothing left to decide."""

    name: str
    backend: str  # canonical name of the backend
    backend_title: str
    backend_service: Service | None  # None: it runs elsewhere
    sillytavern: Service
    door: Service | None  # the backend's API for other programs; None: it is open to nobody else
    networks: tuple[Network, ...]
    files: Mapping[str, Secret]  # generated, for the backend's eyes alone, beside compose.yml: path -> text
    key: Secret | None  # what SillyTavern sends to the backend; None: nothing
    hosts: tuple[str, ...]  # names that a proxy serves it under
    password: Secret | None  # what SillyTavern asks everybody for; None: nobody
    folders: tuple[str, ...]  # to be made beforehand, owned by `sillytavern.user`
    tavern_type: str
    backend_url: str
    model_name: str  # as SillyTavern will see it
    is_demo: bool
    variant: Literal["cpu", "cuda"] | None  # this, the next and `gpu_layers`: as the stack's own service runs it
    program: str  # the name of the backend's program file; "": in its image, or the user's own
    context: int  # tokens
    gpu_layers: str
    kv_cache: str
    memory: Choice | None = None  # what the backend takes; None: not known
    template: Template | None = None  # None: SillyTavern's are left alone
    notes: tuple[str, ...] = ()  # what the user should know
    timeout_s: int = 300

    @property
    def services(self) -> tuple[Service, ...]:
        return tuple(one for one in (self.backend_service, self.sillytavern, self.door) if one)

    @property
    def url(self) -> str:
        """Where a person at this machine opens it."""
        if not self.sillytavern.publish:
            return f"https://{self.hosts[0]}"
        return f"http://{self.sillytavern.publish[0].place}"

    @property
    def urls(self) -> tuple[str, ...]:
        """Where a person at another device opens it."""
        return tuple(f"http://{one.place}" for one in self.sillytavern.publish[1:])
