"""The contract of a backend: what its module must define. BACKENDS lists the modules by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final, Literal, Protocol

from stackctl.contracts.answer import Answer
from stackctl.contracts.build import Build
from stackctl.contracts.cause import Cause
from stackctl.contracts.gpu_code import GpuCode
from stackctl.contracts.host import Cpu
from stackctl.contracts.judge import Judge
from stackctl.contracts.memory import Reserves
from stackctl.contracts.request import Request
from stackctl.contracts.service import Variant
from stackctl.contracts.signature import ProgramLog
from stackctl.contracts.sleeper import Sleeper
from stackctl.contracts.timing import Timing
from stackctl.secret import Secret

# what a health check writes about a device file that exists and can't be opened; the file's path follows
NOT_OPENED: Final = "can't open the device file"


@dataclass(frozen=True, kw_only=True)
class Image:
    """An official image.

    build: the key in BUILDS of what it contains; "" if its tag moves. cuda: the oldest CUDA of a driver with which it
    starts, as (13, 4); () if that does not tell it from the variant's other images. code: its code for NVIDIA's GPUs,
    by the model's format; without an entry it is unknown.
    """

    name: str
    build: str = ""
    cuda: tuple[int, ...] = ()
    code: Mapping[str, GpuCode] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program file that the image lacks. It is downloaded to the host once, then mounted and run directly."""

    version: str
    url: str
    size: int  # bytes; 0 if unknown
    sha256: str  # "" if unknown: then the file is refused unless the user trusts the first download
    unpacked_mib: int  # what it unpacks into TMPDIR at each start
    remark: str = ""  # a deploy that chooses this program prints it
    code: Mapping[str, GpuCode] = field(default_factory=dict)  # as that of an Image


@dataclass(frozen=True, kw_only=True)
class Argument:
    """An argument of the program that the plan decides.

    decides: the key of stack.toml that decides it, or "slots", "cpu_experts", "split"; "" if stackctl itself does.
    read: turns the argument's value ("" if it has none) into that key's value; raises ValueError, with the values that
    exist, for any other. None, as the reader or as its result, if the plan can't calculate with the value.
    why: the reason, as the predicate of a sentence about the argument, where no key of stack.toml decides it.
    fixed: why the user may not set it at all, as the predicate of a sentence about the argument; hint: what to do
    instead.
    """

    decides: str = ""
    read: Callable[[str], object] | None = None
    why: str = ""
    fixed: str = ""
    hint: str = ""
    is_list: bool = False  # its value is all words up to the next argument
    gguf_alone: bool = False  # with a model of another format the plan leaves it to the user
    # where the argument's value holds the arguments of another program: what those are
    inner: Mapping[str, "Argument | None"] = field(default_factory=dict)


# every name of an argument -> what it is; None if the plan does not decide it, and its name only begins like another
Arguments = Mapping[str, Argument | None]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One model and how to run it, as the program inside the container sees it. The program decides what is None."""

    model: PurePosixPath  # the file or folder to load
    format: str  # "gguf", "safetensors"
    variant: Variant
    gpus: int  # how many; 0 with cpu
    cpu: Cpu
    context: int  # tokens
    threads: int | None
    extra_args: tuple[str, ...]  # they come after all others, so that they win
    key: Secret  # the API key; without it the program answers no request that makes it compute
    # only loaders of GGUF models understand the following; a backend names in remarks() those that it ignores
    gpu_layers: int | None
    kv_cache: str  # of KV_TYPES
    flash_attention: bool | None
    batch: int | None  # tokens of a prompt that are processed at a time
    cpu_experts: int = 0  # blocks whose experts stay in RAM
    idle_unload_s: int = 0  # seconds without a request that computes, after which it unloads the model; 0: never
    split: tuple[float, ...] = ()  # each GPU's share of the layers; () if the program decides it
    main_gpu: int = 0  # the GPU for what is not split, as the program counts them


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How the program is started. files: path in the container -> text; stackctl writes and mounts them read-only."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Buffer:
    """Memory that a program reports to have reserved."""

    device: str  # as the program calls it: CUDA0, Vulkan1; "" for the machine's main memory
    term: Literal["weights", "kv_cache", "state", "compute", "output"]
    mib: float


@dataclass(frozen=True, kw_only=True)
class Offloaded:
    """The layers that a program reports on GPUs, of all layers of one model; the output counts as a layer."""

    layers: int
    of: int


# where a program reports its speed: in the last event of a streamed answer, in its log, or in the answer to a request
Speaks = Literal["stream", "log"] | Request


@dataclass(frozen=True, kw_only=True)
class ServerInfo:
    """What a server of this kind reports. It is ready unless it loads, is locked or has a problem."""

    model: str = ""  # as SillyTavern will see it
    context: int = 0  # tokens; 0 if it does not report it
    chat_template: str = ""
    is_loading: bool = False
    is_locked: bool = False  # it asks for an API key, or for another one
    problem: Cause | None = None  # why it can't answer in its present state


def takes_every_value(run: Run) -> None:
    """Accept every value that stack.toml accepts: the default of Backend.check."""


def does_it_all(run: Run) -> tuple[str, ...]:  # noqa: ARG001 - the default of Backend.remarks
    """Return no remark: the program does all that stack.toml asks for."""
    return ()


def gguf_alone(packing: str) -> str:  # noqa: ARG001 - the default of Backend.refuses
    """Refuse safetensors of every kind."""
    return "it loads GGUF models alone"


def unknown(image: str, program: str) -> str:  # noqa: ARG001 - the default of Backend.build_of
    """Return "": its tags move, so no one knows what they contain."""
    return ""


def in_the_image(variant: Variant, cpu: Cpu, cuda: tuple[int, ...]) -> str:  # noqa: ARG001 - of Backend.program
    """Return "": the image contains the program."""
    return ""


class Backend(Judge, Sleeper, Protocol):
    """All that stackctl knows about one backend. The module names the source of every fact."""

    NAME: str
    ALIASES: tuple[str, ...]
    TITLE: str
    TAVERN_TYPE: str  # SillyTavern's name for this kind of server
    PORT: int  # on which it listens inside its container
    USUAL_PORTS: tuple[int, ...]  # on which one that runs elsewhere listens by default, the newest version's first
    MODEL_DIR: PurePosixPath
    FORMATS: tuple[str, ...]
    KV_TYPES: tuple[str, ...]  # the types of its KV cache, as stack.toml and `Run` name them; f16 is one of them
    IMAGES: Mapping[Variant, tuple[Image, ...]]  # the newest first, which is taken if it suits the driver
    OWN_IMAGES: Mapping[Variant, str]  # images that stackctl can build, by variant
    IMAGE_TOOLS: tuple[str, ...]  # programs that the official image contains; a probe may use no others
    PROGRAMS: Mapping[str, Program]  # by version and build; {} if the image contains the program
    BUILDS: Mapping[str, Build]  # by name, the oldest first; {} if its tags move
    RUNS_AS_ROOT: bool  # the image works as root alone
    READ_ONLY_ROOT: bool  # it works with a read-only root file system
    GRACE_S: int  # seconds that it gets to stop
    MEMORY: Reserves  # what its newest build reserves with every model
    READY: Request  # answers 2xx only with a loaded model; SillyTavern's container asks it before it starts
    ARGUMENTS: Arguments  # those that the plan decides
    SHORTENS: bool  # its parser accepts the beginning of a long argument for the whole
    QUESTIONS: tuple[Request, ...]  # the requests, besides READY, that tell such a server from others
    SPEED: Speaks
    LOG: ProgramLog  # what its log's lines mean to `stackctl explain`
    LISTEN: str  # the flag that makes it listen on all addresses

    def program(self, variant: Variant, cpu: Cpu, cuda: tuple[int, ...]) -> str:
        """Return the key in PROGRAMS for this processor and driver (its CUDA; () if unknown); "" if PROGRAMS is empty.

        Raise ConfigError or GpuError if none suits.
        """
        ...

    def build_of(self, image: str, program: str) -> str:
        """Return the name of the build that this image, or this key of PROGRAMS, contains; "" if unknown.

        It is unknown of a tag that moves, and of the user's own image or program. A name that BUILDS lacks is that of
        a user's image whose tag tells it.
        """
        ...

    def reserves(self, build: str) -> Reserves:
        """Return what this build reserves with every model: MEMORY, unless another is known of it. "": unknown."""
        ...

    def refuses(self, packing: str) -> str:
        """Return why it can't load safetensors in this packing ("" for plain numbers); "" if it can."""
        ...

    def check(self, run: Run) -> None:
        """Raise ConfigError for a value that this program refuses."""
        ...

    def launch(self, run: Run) -> Launch: ...

    def remarks(self, run: Run) -> tuple[str, ...]:
        """Return a sentence for each setting that this program can't follow; () if it follows all."""
        ...

    def health(self, files: tuple[str, ...] = (), *, sleeps: bool = False) -> tuple[str, ...]:
        """Return a command that succeeds inside the container only with a loaded model.

        files: device files. If one of them exists and can't be opened, it fails, and its output says NOT_OPENED.
        sleeps: the program unloads its model while it is idle. The command then succeeds as well once a model was
        loaded and sleeps; it neither wakes it nor delays its sleep.
        """
        ...

    def model_id(self, file_name: str) -> str:
        """Return the model's name as SillyTavern will see it."""
        ...

    def progress(self, line: str) -> str | None:
        """Return the step of loading that a log line reports, in a few words; None if it reports none."""
        ...

    def buffer(self, line: str) -> Buffer | None:
        """Return the memory that a log line reports as reserved; None if it reports none."""
        ...

    def offloaded(self, line: str) -> Offloaded | None:
        """Return the layers that a log line reports on GPUs; None if it reports none."""
        ...

    def no_gpu(self, line: str, variant: Variant) -> Cause | None:
        """Return why its build for a GPU computes on the CPU alone, if a log line means that; else None.

        The line is no failure where the stack asks for no GPU.
        """
        ...

    def speed(self, said: str) -> float | None:
        """Return the tokens a second of its last generation, from its text at SPEED; None if the text has no figure."""
        ...

    def pace(self, line: str) -> float | None:
        """Return the tokens a second of a generation that a log line reports; None if it reports none."""
        ...

    def timing(self, line: str) -> Timing | None:
        """Return what a log line says of the time that a reply took; None for any other line."""
        ...

    def recognise(self, answers: Mapping[str, Answer]) -> ServerInfo | None:
        """Return what the server reports, from its answers by path (to every backend's questions).

        None if the server is of another kind.
        """
        ...
