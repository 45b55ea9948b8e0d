"""What a backend must say of itself. A backend is a module; BACKENDS lists them by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final, Literal, Protocol

from stackctl.contracts.answer import Answer
from stackctl.contracts.cause import Cause
from stackctl.contracts.host import Cpu
from stackctl.contracts.judge import Judge
from stackctl.contracts.memory import Reserves
from stackctl.contracts.service import Variant
from stackctl.secret import Secret


@dataclass(frozen=True, kw_only=True)
class Image:
    """An official image. `seen`: this very tag has been seen published; else it is marked as unverified."""

    name: str
    seen: bool


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program file that the image lacks: fetched once to the host, mounted and run directly."""

    version: str
    url: str
    size: int  # bytes; 0: not known
    sha256: str  # "": not known, so refused unless the user trusts the first download
    unpacked_mib: int  # what it unpacks into TMPDIR at each start
    remark: str = ""  # said where it is chosen


@dataclass(frozen=True, kw_only=True)
class Argument:
    """An argument of the program that the plan decides.

    `decides`: the key of stack.toml that decides it, or "slots", "cpu_experts"; "": stackctl itself.
    `read`: what its value ("" without one) is for that key; raises ValueError with the values that there are. Where it
    is, or gives, None, the plan can't count with it.
    `fixed`: why the user may set it nowhere, as what the sentence says of the argument; `hint`: what to do instead.
    """

    decides: str = ""
    read: Callable[[str], object] | None = None
    fixed: str = ""
    hint: str = ""
    gguf_alone: bool = False  # with another model the plan leaves it to the user
    inner: Mapping[str, "Argument | None"] = field(default_factory=dict)  # of the program whose arguments its value is


# every name of an argument -> what it is; None: one of the program's own that only begins like another
Arguments = Mapping[str, Argument | None]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One model and how to run it, as the program inside the container sees it. None: the program decides."""

    model: PurePosixPath  # the file or folder to load
    format: str  # "gguf", "safetensors"
    variant: Variant
    gpus: int  # how many; 0 with cpu
    cpu: Cpu
    context: int  # tokens
    threads: int | None
    extra_args: tuple[str, ...]  # after all others, so that they win
    key: Secret  # without it the program answers no request that costs anything
    # what llama.cpp's kind alone understands: with GGUF models; another kind says in remarks() what it leaves out
    gpu_layers: int | None
    kv_cache: str  # of KV_TYPES
    flash_attention: bool | None
    batch: int | None  # tokens of a prompt at a time
    cpu_experts: int = 0  # blocks whose experts stay in RAM


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How the program is started. `files`: path in the container -> text; generated, private, mounted read-only."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Buffer:
    """Memory that a program says it has reserved."""

    device: str  # as it calls it: CUDA0, Vulkan1; "": the machine's own memory
    term: Literal["weights", "kv_cache", "state", "compute", "output"]
    mib: float


@dataclass(frozen=True, kw_only=True)
class Request:
    """An HTTP request: a GET, or a POST of JSON where there is a body."""

    path: str
    body: str = ""


# where a program says how fast it was: in the last event of a streamed answer, in its log, or where it is asked for it
Speaks = Literal["stream", "log"] | Request

# every backend knows OpenAI's completions, and wants its key for them
COMPLETION: Final = Request(path="/v1/completions", body='{"prompt":"Hello","max_tokens":1}')


@dataclass(frozen=True, kw_only=True)
class ServerInfo:
    """What a server of this kind says of itself. It is ready unless it loads, is locked or has a problem."""

    model: str = ""  # as SillyTavern will see it
    context: int = 0  # tokens; 0: not said
    chat_template: str = ""
    is_loading: bool = False
    is_locked: bool = False  # it wants a key, or another one
    problem: Cause | None = None  # why it will not answer as it is


def takes_every_value(run: Run) -> None:
    """It refuses no value that stack.toml takes."""


def does_it_all(run: Run) -> tuple[str, ...]:  # noqa: ARG001 - the default of Backend.remarks
    """Nothing to remark."""
    return ()


def gguf_alone(packing: str) -> str:  # noqa: ARG001 - the default of Backend.refuses
    """It loads no safetensors of any kind."""
    return "it loads GGUF models alone"


def in_the_image(variant: Variant, cpu: Cpu, cuda: tuple[int, ...]) -> str:  # noqa: ARG001 - of Backend.program
    """None of its own: the image carries it."""
    return ""


class Backend(Judge, Protocol):
    """All that stackctl knows of one backend. Every fact carries its source in the module."""

    NAME: str
    ALIASES: tuple[str, ...]
    TITLE: str
    TAVERN_TYPE: str  # SillyTavern's name for this kind of server
    PORT: int
    MODEL_DIR: PurePosixPath
    FORMATS: tuple[str, ...]
    KV_TYPES: tuple[str, ...]  # of its KV cache, as stack.toml and `Run` call them; f16 among them
    IMAGES: Mapping[Variant, Image]
    OWN_IMAGES: Mapping[Variant, str]  # ours, where one can be built for that variant
    IMAGE_TOOLS: tuple[str, ...]  # what the official image is known to contain; a probe may use nothing else
    PROGRAMS: Mapping[str, Program]  # by version and build; {}: the image carries its program
    RUNS_AS_ROOT: bool  # the image insists on it
    READ_ONLY_ROOT: bool
    GRACE_S: int
    MEMORY: Reserves  # what it sets aside whatever the model
    READY: Request  # answers 2xx only with a loaded model; SillyTavern's container asks it before it starts
    ARGUMENTS: Arguments  # those that the plan decides
    SHORTENS: bool  # its parser takes the beginning of a long argument for the whole
    QUESTIONS: tuple[Request, ...]  # what tells such a server from others, beside READY
    SPEED: Speaks
    LISTEN: str  # the flag without which, or against whose value, it may listen on 127.0.0.1 alone

    def program(self, variant: Variant, cpu: Cpu, cuda: tuple[int, ...]) -> str:
        """Which of PROGRAMS suits processor and driver (its CUDA, () if not known); "" where there are none.

        Raises ConfigError or GpuError where none suits.
        """
        ...

    def refuses(self, packing: str) -> str:
        """Why it can't load safetensors that are packed so ("": plain numbers), in words; "" where it can."""
        ...

    def check(self, run: Run) -> None:
        """Raise ConfigError for a value that this program refuses."""
        ...

    def launch(self, run: Run) -> Launch: ...

    def remarks(self, run: Run) -> tuple[str, ...]:
        """What of the wish this program can't do, in words; () if it can do it all."""
        ...

    def health(self) -> tuple[str, ...]:
        """A command inside the container that succeeds only with a loaded model."""
        ...

    def model_id(self, file_name: str) -> str:
        """The model's name as SillyTavern will see it."""
        ...

    def progress(self, line: str) -> str | None:
        """What a log line says of loading, in a few words; None if nothing."""
        ...

    def buffer(self, line: str) -> Buffer | None:
        """The memory that a log line says was reserved; None if it says nothing of the kind."""
        ...

    def speed(self, said: str) -> float | None:
        """The tokens a second of its last generation, by what it says at SPEED; None if it does not say it there."""
        ...

    def recognise(self, answers: Mapping[str, Answer]) -> ServerInfo | None:
        """What such a server says of itself, from its answers by path (to every backend's questions); None: no such."""
        ...
