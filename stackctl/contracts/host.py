"""A machine's owners, file systems, processor and GPUs."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A user and group id, as numbers."""

    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """What a folder's file system makes of owners and permissions; by default it keeps them."""

    are_refused: bool = False  # chmod or chown ends with an error
    mode: int = 0o600  # what a file has that was to have 0600
    file_system: str = ""  # its kind, such as ext4 or cifs; "": not known

    @property
    def are_kept(self) -> bool:
        """Whether a secret can be kept there."""
        return not self.are_refused and not self.mode & 0o077


@dataclass(frozen=True, kw_only=True)
class Cpu:
    """The processor, as far as programs are built for one kind and not for another."""

    architecture: str = "x86_64"  # as `uname -m` says it
    avx: bool = True
    avx2: bool = True


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU, as its driver sees it."""

    index: int
    uuid: str
    name: str
    total_mib: int  # 0: it shares the machine's memory
    free_mib: int
    cuda: tuple[int, ...] = ()  # the newest that its driver can run, as (12, 4); (): not known
    own_mib: int = 0  # held by this stack's own backend, which a deploy gives back
    make: str = "nvidia"  # of GPUS
