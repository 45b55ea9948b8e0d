"""A machine's owners, file systems, processor, memory and GPUs."""

from dataclasses import dataclass
from typing import Final

# variables by which programs on this machine itself choose their GPUs: of CUDA, NVIDIA's toolkit, ROCm and llama.cpp
GPU_VARIABLES: Final = (
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "GGML_VK_VISIBLE_DEVICES",
)


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A user and group id, as numbers."""

    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """How a folder's file system treats owners and permissions; by default it keeps them."""

    are_refused: bool = False  # chmod or chown fails
    mode: int = 0o600  # the mode of a file after chmod 0600
    file_system: str = ""  # its kind, such as ext4 or cifs; "" if unknown

    @property
    def are_kept(self) -> bool:
        """Return whether a secret can be kept there."""
        return not self.are_refused and not self.mode & 0o077


@dataclass(frozen=True, kw_only=True)
class Cpu:
    """The features of the processor for which programs have separate builds."""

    architecture: str = "x86_64"  # as `uname -m` prints it
    avx: bool = True
    avx2: bool = True


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU, as its driver reports it: what does not change while the driver runs, and its memory now."""

    index: int  # among the GPUs of its make, as its driver counts them; -1 if its driver does not list it
    uuid: str
    name: str
    total_mib: int  # 0 if it shares the machine's memory, or has a fault
    free_mib: int
    cuda: tuple[int, ...] = ()  # the newest CUDA that its driver can run, as (12, 4); () if unknown
    own_mib: int = 0  # what this stack's backend holds, and frees in a deploy
    make: str = "nvidia"  # "nvidia", "amd", "intel"
    gb_per_s: float = 0.0  # how fast its memory can be read; 0.0 if its driver does not report it
    pci: str = ""  # its address, as 0000:65:00.0; "" if unknown
    driver: str = ""  # its driver's version, as 550.54.14; "" if unknown
    compute: tuple[int, ...] = ()  # CUDA's compute capability, as (8, 6); () if unknown
    architecture: str = ""  # AMD's name for its kind, as gfx1100; "" if unknown
    node: str = ""  # its render node, as /dev/dri/renderD128; "" if none is known
    groups: tuple[int, ...] = ()  # numbers of the groups that may open its device files; () if every user may
    has_display: bool = False  # a screen is attached or drawn on it
    is_unified: bool = False  # it shares the machine's memory
    fault: str = ""  # why programs can't use it, as "it has fallen off the bus"; "" if they can
    fix: str = ""  # the hint that repairs the fault
    issue: str = ""  # the id of the page that explains the fault


@dataclass(frozen=True, kw_only=True)
class Card:
    """A display controller on the PCI bus, whether or not a driver can use it. Under WSL the GPUs are none of them."""

    vendor: str  # nvidia, amd, intel, or the number of another, as 0x1af4
    pci: str  # its address, as 0000:65:00.0
    name: str = ""  # "" if unknown
    driver: str = ""  # the kernel driver that has it, as nouveau; "" if none has
    is_suspended: bool = False  # its power is off until a program uses it
    may_suspend: bool = False  # the kernel may turn its power off while no program uses it


@dataclass(frozen=True, kw_only=True)
class GpuHolder:
    """A process that holds memory of a GPU."""

    pid: int
    name: str  # of its program; "" if unknown
    mib: int  # 0 if the driver does not tell


@dataclass(frozen=True, kw_only=True)
class GpuReading:
    """What a GPU does now. None: its driver does not tell."""

    uuid: str  # "" if it sleeps and was not asked before
    name: str = ""  # "" if it sleeps and was not asked before
    total_mib: int
    free_mib: int
    utilisation: int | None = None  # percent of the last moment in which it computed
    temperature_c: int | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    throttled: tuple[str, ...] = ()  # why it runs slower than it could: "power limit", "temperature", ...
    holders: tuple[GpuHolder, ...] = ()
    is_suspended: bool = False  # it sleeps, and was not woken to be read
    pci: str = ""  # as in Gpu


@dataclass(frozen=True, kw_only=True)
class ReadSpeed:
    """How fast the RAM is read, as measured, in GB/s (10^9 bytes)."""

    one_gb_per_s: float  # by one core alone
    all_gb_per_s: float  # by all cores together
    cores: int
