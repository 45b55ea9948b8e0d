"""What was seen of a running stack: the input of explain(), as plain values."""

from dataclasses import dataclass, field

from stackctl.contracts.host import GpuHolder, GpuReading
from stackctl.contracts.system import NETWORK
from stackctl.core.fit import Reserves, Shape
from stackctl.core.fit.choice import Choice, Room
from stackctl.core.slow.counters import GroupSeen, Pressure, ProcessesSeen, Times
from stackctl.core.slow.replies import Reply


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One look at the counters.

    running: threads of the machine that compute or wait for a processor; heat: how often the processor was slowed down
    by heat since the start.
    """

    at_s: float = 0.0
    group: GroupSeen = field(default_factory=GroupSeen)
    processes: ProcessesSeen = field(default_factory=ProcessesSeen)
    times: Times | None = None
    running: int = 0
    heat: int = 0


@dataclass(frozen=True, kw_only=True)
class GpuSeen:
    """A GPU of the stack's machine. own_mib: what the stack holds of it; None if that is not visible."""

    reading: GpuReading
    own_mib: int | None = None
    others: tuple[GpuHolder, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Processor:
    """The machine's processor. mhz, most_mhz: of its first core, now and at best; 0 if unknown."""

    cores: int = 0  # physical ones
    mhz: int = 0
    most_mhz: int = 0
    governor: str = ""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the model's file lies. has_platters: it is on a hard disk; None if unknown."""

    file_system: str = ""
    mount_point: str = ""
    has_platters: bool | None = None

    @property
    def is_network(self) -> bool:
        return self.file_system in {*NETWORK, "9p"}


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A running stack. before, now: two looks with a short time between them; None if the engine is elsewhere.

    room_now: the memory that a new start could take; room_alone: the same if no other program held any.
    """

    title: str  # of the backend
    context: int
    replies: tuple[Reply, ...]
    choice: Choice | None = None  # how the model runs, as planned
    shape: Shape | None = None
    reserves: Reserves | None = None
    can_quantise: bool = True  # the backend has a q8_0 cache
    is_demo: bool = False
    layers_on_gpu: int | None = None  # as the backend reported
    threads: int | None = None  # as stack.toml names them; None if it names none
    model_mib: int = 0
    parameters: int = 0
    idle_unload_s: int = 0
    proven_tokens_per_s: float | None = None  # at the last deploy, in a short chat
    ready_s: float | None = None  # how long the last start took
    read_mib: int = 0  # what the container has read since its start
    before: Moment | None = None
    now: Moment | None = None
    pressure: Pressure | None = None  # of the processor
    processor: Processor = field(default_factory=Processor)
    place: Place = field(default_factory=Place)
    gpus: tuple[GpuSeen, ...] = ()
    room_now: Room | None = None
    room_alone: Room | None = None
    is_wsl: bool = False
    unseen: tuple[str, ...] = ()  # clauses on what could not be looked at

    @property
    def choice_on_gpu(self) -> bool:
        """Return whether a part of the model is on a GPU, as planned."""
        return bool(self.choice and self.choice.fit.gpu_layers)
