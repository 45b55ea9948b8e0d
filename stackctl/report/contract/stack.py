"""What the commands for a stack that was deployed print."""

from typing import Annotated, Literal, TypedDict

from stackctl.contracts.service import ImageState
from stackctl.core.start.stack_state import StackState
from stackctl.report.contract.failure import Problem


class Check(TypedDict):
    """One check of a running stack."""

    name: str
    status: Literal["passed", "failed", "not_run"]
    message: Annotated[str, "what was seen, or why it did not run"]
    duration_s: float
    blocked_by: Annotated[str | None, "the failed check that kept this one from running"]
    error: Problem | None


class Route(TypedDict):
    """Whether a service is reachable from somewhere."""

    source: Annotated[str, "who tried"]
    target: Annotated[str, "the service"]
    address: str
    planned: Annotated[Literal["open", "closed", "either"], "either: both are right"]
    open: bool
    as_planned: bool
    message: Annotated[str, "what was seen"]


class Smoked(TypedDict):
    """A run of the checks."""

    version: Literal[1]
    name: str
    url: str
    passed: Annotated[bool, "no check failed"]
    exit_code: Annotated[int, "the command's own: 0, or that of the most fundamental failure"]
    duration_s: float
    first_token_s: float | None
    tokens_per_s: float | None
    checks: list[Check]
    routes: list[Route]


class Trouble(TypedDict):
    """What is wrong, and what to do."""

    problem: str
    hint: str
    issue: Annotated[str, "the name of the page that explains it"]


class Service(TypedDict):
    """A service of the stack."""

    name: str
    state: Annotated[str, "the engine's word (created, running, paused, restarting, exited, dead), or missing"]
    health: Annotated[str | None, "the engine's word (starting, healthy, unhealthy); null: it has none now"]
    restarts: Annotated[int | None, "how often the engine started it again; null: it is missing"]
    image: str | None
    machine: Annotated[str | None, "the name of the node that runs it; null: this machine"]
    problem: Annotated[str | None, "why it will not become ready by itself"]
    hint: str | None
    issue: Annotated[str | None, "the name of the page that explains it"]


class Elsewhere(TypedDict):
    """A backend that is no service of the stack."""

    title: str
    url: Annotated[str, "as SillyTavern reaches it"]
    model: str | None
    problem: Annotated[str | None, "why it does not answer; null: it does"]
    hint: str | None
    issue: Annotated[str | None, "the name of the page that explains it"]


class ModelRun(TypedDict):
    """The model that was deployed, and where its layers are."""

    name: Annotated[str, "as SillyTavern sees it"]
    quantisation: Annotated[str | None, "by the label in its name"]
    context: Annotated[int | None, "tokens"]
    gpu_layers: Annotated[int | None, "on the GPU; null: the backend decides, or it runs elsewhere"]
    layers: Annotated[int | None, "all of them, with the output layer"]
    cpu_experts: Annotated[int, "layers on the GPU whose experts are in RAM"]
    reported: Annotated[bool, "the backend said at its start how many layers it put there; false: as planned"]


class Holder(TypedDict):
    """Another process that holds memory of a GPU."""

    pid: int
    name: Annotated[str | None, "of its program"]
    mib: Annotated[int | None, "null: the driver does not say"]


class GpuNow(TypedDict):
    """What a GPU holds and does now."""

    name: str | None
    uuid: str | None
    suspended: Annotated[bool, "its power is off, and it was not woken to be read"]
    total_mib: Annotated[int | None, "null: it is suspended, or shares the machine's memory"]
    free_mib: int | None
    own_mib: Annotated[int | None, "held by this stack; null: the driver does not say"]
    others: Annotated[list[Holder], "other processes, those that hold most first"]
    utilisation_percent: int | None
    temperature_c: int | None
    power_w: float | None


class MemoryNow(TypedDict):
    """What the stack and others hold now."""

    gpus: Annotated[list[GpuNow], "of this machine; empty where another one runs the stack"]
    gpu_problem: Annotated[Trouble | None, "why no GPU could be read"]
    ram_own_mib: Annotated[int | None, "of its containers, as `docker stats` counts it; null: not all are here"]
    ram_free_mib: Annotated[int | None, "of this machine, without swapping; null: another machine runs the stack"]
    ram_total_mib: int | None


class Status(TypedDict):
    """What runs, and how well."""

    version: Literal[1]
    name: str
    ready: Annotated[bool, "all of it is; the exit code is 7 where it is not"]
    url: Annotated[str | None, "where this machine opens the stack; null: SillyTavern is not ready"]
    services: list[Service]
    backend: Annotated[Elsewhere | None, "a backend elsewhere"]
    unfinished: Annotated[Trouble | None, "a deploy that has not come to its end"]
    state: Annotated[StackState, "partial: some of it runs, and the rest was stopped or is missing"]
    asleep: Annotated[bool, "its backend has unloaded the model until the next message"]
    urls: Annotated[list[str], "every address of the page, also for other devices; empty while url is null"]
    model: Annotated[ModelRun | None, "null: the plan can't be read"]
    memory: MemoryNow
    tokens_per_s: Annotated[float | None, "of the last deploy of this model that proved it"]
    proven_at: Annotated[str | None, "when that was: ISO 8601, UTC"]
    next: Annotated[str | None, "the one thing to do next"]


class StackSeen(TypedDict):
    """A stack that has containers on this engine, and what it holds."""

    name: str
    folder: Annotated[str, "in which it was deployed"]
    folder_gone: Annotated[bool, "it was removed or moved since"]
    state: StackState
    backend: str | None
    model: Annotated[ModelRun | None, "null: its plan can't be read from here"]
    vram_mib: Annotated[int | None, "on all GPUs; null: that is unknown"]
    ram_mib: Annotated[int | None, "of its containers, as `docker stats` counts it"]
    url: Annotated[str | None, "where this machine opens it; null: the page does not run"]


class Stacks(TypedDict):
    """All stacks of this machine, by name."""

    version: Literal[1]
    stacks: list[StackSeen]
    gpu_problem: Annotated[Trouble | None, "why no GPU could be read"]


class Address(TypedDict):
    """Where another device opens the stack."""

    version: Literal[1]
    url: Annotated[str, "the first of urls"]
    urls: list[str]
    local: Annotated[bool, "only this machine can open it"]
    ready: Annotated[bool | None, "SillyTavern is; null: no engine could be asked"]
    user: str | None
    password_file: Annotated[str | None, "below the folder; null: it asks for none"]


class Opened(TypedDict):
    """The page on this machine."""

    version: Literal[1]
    url: str
    opened: Annotated[bool, "a browser of this machine shows it"]
    ssh_command: str | None


class ImageUsed(TypedDict):
    """The image of a service when it was deployed."""

    service: str
    name: str
    id: Annotated[str | None, "the engine's; null: not known"]
    digest: Annotated[str | None, "null: it was built here"]


class FileUsed(TypedDict):
    """A file of the host that was mounted."""

    path: str
    size_bytes: int
    modified_at: Annotated[str, "ISO 8601, UTC"]
    sha256: Annotated[str | None, "known from the download; null: the file would have to be read again"]


class GpuUsed(TypedDict):
    """What the backend took of one GPU after its start."""

    uuid: str
    name: str
    planned_mib: Annotated[int | None, "null: unknown"]
    seen_mib: Annotated[int | None, "as the driver saw it; null: it does not tell"]
    seen_by: Annotated[Literal["process", "free memory"] | None, "of the backend; or of the GPU, before and after"]


class PastDeploy(TypedDict):
    """A deploy that came to its end."""

    number: int
    deployed_at: Annotated[str, "ISO 8601, UTC"]
    stackctl: Annotated[str, "its version"]
    inputs_hash: Annotated[str, "of all that was wanted and seen"]
    backend: str
    model: str | None
    context: int
    kv_cache: str
    gpu_layers: Annotated[int | Literal["auto"] | None, "auto: the backend decides; null: an external backend"]
    port: Annotated[int | None, "on this machine; null: it was published nowhere"]
    images: list[ImageUsed]
    model_files: list[FileUsed]
    program: Annotated[FileUsed | None, "the backend's; null: the image carries it"]
    ready_s: float | None
    first_token_s: Annotated[float | None, "null: --no-proof"]
    tokens_per_s: Annotated[float | None, "by the backend's own count"]
    layers_on_gpu: Annotated[int | None, "as the backend reported; null: it did not, or was not started"]
    layers: Annotated[int | None, "all of the model, as the backend reported"]
    gpus: Annotated[list[GpuUsed], "empty: the backend was not started on GPUs, or no driver tells"]
    changes: Annotated[list[str] | None, "against the deploy before, in words; null: that one is not recorded"]


class History(TypedDict):
    """The last deploys, the newest first."""

    version: Literal[1]
    deploys: list[PastDeploy]


class Stopped(TypedDict):
    """A stack that was stopped."""

    version: Literal[1]
    name: str
    service: Annotated[str | None, "the only one that was stopped; null: all were"]
    changed: Annotated[bool, "false: nothing was running"]


class Started(TypedDict):
    """A stack that is ready again."""

    version: Literal[1]
    name: str
    url: str
    ready_s: float


class Removed(TypedDict):
    """A stack without containers."""

    version: Literal[1]
    name: str
    changed: Annotated[bool, "false: there were none before"]


class Image(TypedDict):
    """The image of a service."""

    service: str
    image: str
    digest: Annotated[str | None, "null: it is not here"]
    kind: Annotated[ImageState, "tried: tests ran with it; own: built here by stackctl"]


class Images(TypedDict):
    """What a deploy would use."""

    version: Literal[1]
    images: list[Image]


class Built(TypedDict):
    """Our own images that were built."""

    version: Literal[1]
    images: list[str]
