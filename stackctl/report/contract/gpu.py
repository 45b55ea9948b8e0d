"""What `stackctl gpu` prints."""

from typing import Annotated, Literal, TypedDict


class Process(TypedDict):
    """A process that holds memory of a GPU."""

    pid: int
    name: Annotated[str | None, "of its program"]
    mib: Annotated[int | None, "null: the driver does not say"]


class Gpu(TypedDict):
    """A GPU of this machine, and what it does now."""

    make: str
    index: Annotated[int | None, "as its driver counts; null: its driver does not list it"]
    uuid: str | None
    name: str
    pci: str | None
    driver: Annotated[str | None, "its driver's version"]
    cuda: Annotated[str | None, "the newest CUDA that its driver can run"]
    compute: Annotated[str | None, "CUDA's compute capability"]
    architecture: Annotated[str | None, "AMD's name for its kind"]
    total_mib: Annotated[int | None, "null: it shares the machine's memory, or is not known"]
    free_mib: int | None
    gb_per_s: Annotated[float | None, "how fast its memory can be read"]
    shares_ram: bool
    has_display: bool
    suspended: Annotated[bool, "its power is off, and it was not woken to be read"]
    utilisation_percent: int | None
    temperature_c: int | None
    power_w: float | None
    power_limit_w: float | None
    throttled: Annotated[list[str], "why it runs slower than it could"]
    processes: list[Process]
    problem: Annotated[str | None, "why programs can't use it"]
    hint: str | None
    issue: Annotated[str | None, "the name of the page that explains it"]


class Engine(TypedDict):
    """What the container engine offers."""

    name: str
    version: str
    runtimes: list[str]
    cdi_devices: Annotated[list[str], "full names, as nvidia.com/gpu=0"]


class LayerVerdict(TypedDict):
    """Whether a layer between the GPU and the model on it works."""

    layer: Literal["driver", "engine", "container", "program"]
    state: Literal["works", "fails", "not_tried"]
    message: Annotated[str, "what was seen, or why it was not tried"]
    hint: Annotated[str | None, "what repairs it"]
    issue: Annotated[str | None, "the name of the page that explains it"]
    evidence: Annotated[list[str], "words of the driver, the engine or a program"]


class Look(TypedDict):
    """The GPUs, and whether each layer works."""

    version: Literal[1]
    gpus: list[Gpu]
    engine: Annotated[Engine | None, "null: it does not answer"]
    surroundings: Annotated[list[str], "each thing in which this place differs from Docker Engine on a machine itself"]
    layers: Annotated[list[LayerVerdict], "from the driver up"]
    fault: Annotated[Literal["driver", "engine", "container", "program"] | None, "the lowest layer that fails"]
    exit_code: Annotated[int, "the command's own: 5 if a layer fails, else 0"]
