"""What was found on the machine, as plain values: the input of plan()."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import PurePosixPath

from stackctl.core.secret import Secret


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A user and group id, as numbers."""

    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """One file of a model: the name that programs shall see, and where the bytes really lie on the host."""

    name: str  # visible name, "/" only between folders of a folder model
    host: PurePosixPath  # links resolved, absolute
    size: int  # bytes
    owner: Owner
    mode: int  # permission bits
    modified_ns: int = 0  # nanoseconds since the epoch; 0: written by us, always the same


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a model file says of itself (GGUF metadata)."""

    format: str  # "gguf", "safetensors"
    architecture: str = ""
    title: str = ""
    trained_context: int = 0  # tokens; 0: not said
    layers: int = 0
    chat_template: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelSeen:
    """A whole model: `files[0]` is the one to name to a program (the first shard of a split model)."""

    wanted: str  # as written in stack.toml
    name: str  # file name, or folder name for a folder model
    is_folder: bool
    files: tuple[ModelFile, ...]
    header: Header
    read_mib_s: float = 0.0  # measured read rate of the disk; 0: not measured (small, or cached)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, kw_only=True)
class EngineSeen:
    """The container engine and its Compose, versions as numbers."""

    version: tuple[int, ...]
    compose: tuple[int, ...]
    compose_argv: tuple[str, ...]
    has_cpu_quota: bool = True
    is_local: bool = True  # its loopback is ours: a published 127.0.0.1 port can be reached from here
    nvidia_runtime: bool = False
    cdi_devices: tuple[str, ...] = ()  # "nvidia.com/gpu=0", ...


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One NVIDIA GPU, as NVML sees it."""

    index: int
    uuid: str
    name: str
    total_mib: int  # 0: it shares the machine's memory
    free_mib: int
    cuda: tuple[int, ...] = ()  # the newest that its driver can run, as (12, 4); (): not known


@dataclass(frozen=True, kw_only=True)
class Cpu:
    """The processor, as far as programs are built for one kind and not for another."""

    architecture: str = "x86_64"  # as `uname -m` says it
    avx: bool = True
    avx2: bool = True


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Everything plan() may know of the world. The stack's own networks and port count as free."""

    folder: PurePosixPath
    owner: Owner  # of the folder; under sudo the caller
    model: ModelSeen
    key: Secret  # the backend's API key; kept, or new
    models: Mapping[str, ModelSeen] = field(default_factory=dict)  # of stack.toml's [models]: those that are there
    engine: EngineSeen | None = None  # None: rendered without an engine
    gpus: tuple[Gpu, ...] = ()
    cpu: Cpu = Cpu()
    taken_subnets: tuple[IPv4Network, ...] = ()
    taken_ports: dict[int, str] = field(default_factory=dict)  # port -> who holds it, in words
    is_new: bool = False  # the stack has no containers, so nobody relies on its port yet
    # where the backend's programs lie, or will: by name as in Backend.PROGRAMS; "": the one that the user brings
    programs: Mapping[str, PurePosixPath] = field(default_factory=dict)
