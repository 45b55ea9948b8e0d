"""The memory that a stack and others hold now, on the GPUs and in RAM. Nothing is woken, changed or kept open."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from stackctl.contracts.host import GpuHolder, GpuReading
from stackctl.core.observed import Ram, ServiceState
from stackctl.errors import EngineError, GpuError
from stackctl.machine import Machine

_MOST_HOLDERS, _LONGEST_NAME = 32, 200  # of one GPU, of a program, which has chosen its name itself


@dataclass(frozen=True, kw_only=True)
class GpuNow:
    """A GPU, and for whom its memory is held. own_mib: this stack's; None if that is not visible.

    others: the other processes, those that hold most first.
    """

    reading: GpuReading
    own_mib: int | None
    others: tuple[GpuHolder, ...]

    @property
    def others_mib(self) -> int | None:
        """Return what is held and not by this stack; None if that is unknown."""
        used = self.reading.total_mib - self.reading.free_mib
        return None if self.own_mib is None else max(0, used - self.own_mib)


@dataclass(frozen=True, kw_only=True)
class GpusNow:
    """One look at all GPUs. families: the id of a process that holds memory -> its own and of those that started it.

    is_blind: the driver does not say who holds what (WSL). error: why nothing could be read.
    """

    readings: tuple[GpuReading, ...] = ()
    families: Mapping[int, frozenset[int]] = field(default_factory=dict)
    is_blind: bool = False
    error: GpuError | None = None

    def shared_with(self, states: Iterable[ServiceState]) -> tuple[GpuNow, ...]:
        """Return each GPU as the stack with these containers sees it."""
        own = {one.pid for one in states if one.pid}
        return tuple(self._gpu(one, own) for one in self.readings)

    def _gpu(self, reading: GpuReading, own: set[int]) -> GpuNow:
        ours = [one for one in reading.holders if own & self.families.get(one.pid, frozenset())]
        others = sorted((one for one in reading.holders if one not in ours), key=lambda one: -one.mib)
        # one that is not visible from here (hidepid of /proc, another namespace) may be this stack's
        is_known = bool(ours) or all(self.families.get(one.pid) for one in reading.holders)
        is_told = is_known and not self.is_blind and all(one.mib for one in ours)
        has_stopped = not own  # and so holds nothing
        return GpuNow(
            reading=reading,
            own_mib=sum(one.mib for one in ours) if is_told or has_stopped else None,
            others=tuple(replace(one, name=one.name[:_LONGEST_NAME]) for one in others[:_MOST_HOLDERS]),
        )


@dataclass(frozen=True, kw_only=True)
class MemoryNow:
    """What a stack holds now. ram_mib: of its containers; None if the engine does not count it.

    ram: the machine's; None if another machine runs the stack. gpu_error: why no GPU could be read.
    """

    gpus: tuple[GpuNow, ...] = ()
    gpu_error: GpuError | None = None
    ram_mib: int | None = None
    ram: Ram | None = None


def read_gpus(machine: Machine) -> GpusNow:
    """Look at the GPUs of this machine without waking one; () if another machine runs the engine."""
    try:
        readings = machine.gpus.read(wakes=False)
    except GpuError as error:
        return GpusNow(error=error)
    holders = {holder.pid for one in readings for holder in one.holders}
    families = {process: frozenset(machine.host.ancestors(process)) for process in holders}
    return GpusNow(readings=readings, families=families, is_blind=bool(readings) and machine.host.is_wsl())


def memory_now(states: Iterable[ServiceState], gpus: GpusNow, machine: Machine) -> MemoryNow:
    """Return what the containers of a stack hold now."""
    states, is_local = tuple(states), machine.docker.is_local
    return MemoryNow(
        gpus=gpus.shared_with(states) if is_local else (),
        gpu_error=gpus.error if is_local else None,
        ram_mib=ram_of(states, machine),
        ram=machine.host.ram(None) if is_local else None,
    )


def known_ram(machine: Machine, given_mib: int | None) -> Ram:
    """Return the memory that a model may fill: what the user gave, or what is free.

    Raise EngineError if it is that of other machines, which were not looked at so far.
    """
    if given_mib is not None:
        return Ram(total_mib=given_mib, free_mib=given_mib)
    found = machine.host.ram(None)
    if found is None:
        raise EngineError(
            "the memory of the nodes is not known yet",
            hint="Run `stackctl nodes`, which looks at each. Or give it with `--ram`.",
            issue="swarm-no-node",
        )
    return found


def is_all_here(states: Iterable[ServiceState]) -> bool:
    """Return whether no service runs on another machine, whose memory is not visible from here."""
    return not any(one.machine for one in states if one.state == "running")


def ram_of(states: Iterable[ServiceState], machine: Machine) -> int | None:
    """Return the MiB of RAM that running containers use; None if the engine counts it for none of them.

    None, too, if one of them runs on another machine.
    """
    states = tuple(states)
    if not is_all_here(states):
        return None
    seen = [machine.docker.read_so_far(one.container) for one in states if one.state == "running"]
    used = [one.used for one in seen if one]
    return sum(used) >> 20 if used or not seen else None
