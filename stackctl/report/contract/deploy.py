"""What the commands that plan and deploy print."""

from typing import Annotated, Any, Literal, TypedDict

from stackctl.report.contract.models import MoreContext


class Deployed(TypedDict):
    """A stack that runs."""

    version: Literal[1]
    name: str
    backend: Annotated[str, "as in backend.kind of stack.toml"]
    model: Annotated[str | None, "as the backend calls it"]
    url: Annotated[str, "where this machine opens the stack"]
    context: Annotated[int | None, "in tokens; null: an external backend does not say"]
    more_context: Annotated[MoreContext | None, "null: the demo model, unknown, or the model has no more"]
    kv_cache: str
    ready_s: Annotated[float, "seconds from the start until all was ready"]
    reply: Annotated[str | None, "what the model answered through SillyTavern; null: --no-proof"]
    first_token_s: float | None
    tokens_per_s: Annotated[float | None, "by the backend's own count"]
    expected_tokens_per_s: Annotated[float | None, "computed by the plan; null: the demo model, or unknown"]
    urls: Annotated[list[str], "where other devices open the stack; empty: nowhere"]
    user: Annotated[str | None, "the name that SillyTavern asks for"]
    password_file: Annotated[str | None, "where its password lies, below the folder"]
    ssh_command: Annotated[str | None, "brings the page to the machine from which somebody came by SSH"]


class Change(TypedDict):
    """What a deploy would do to a container."""

    service: str
    action: Literal["create", "recreate", "start", "remove", "leave"]
    reason: str


class FileStep(TypedDict):
    """What becomes of a file of the folder."""

    file: str
    action: Annotated[Literal["create", "change", "replace", "keep"], "replace: one that was edited is kept aside"]


class ImageStep(TypedDict):
    """What an image needs."""

    image: str
    services: Annotated[list[str], "that run it"]
    action: Literal["pull", "build", "keep"]
    size_bytes: Annotated[int | None, "to download; null: not known, or nothing"]


class Download(TypedDict):
    """What would be downloaded besides images."""

    kind: Literal["program", "model"]
    file: str
    source: str
    size_bytes: Annotated[int | None, "null: not known"]


class Port(TypedDict):
    """Where a service would listen."""

    service: str
    address: str
    port: int
    others: Annotated[bool, "other devices can reach it"]


class Steps(TypedDict):
    """What a deploy would do, one thing after the other."""

    folder: str
    settings: Annotated[dict[str, Any], "what stack.toml would be changed to, by dotted key"]
    files: list[FileStep]
    images: list[ImageStep]
    downloads: list[Download]
    containers: list[Change]
    ports: list[Port]
    copies_data: Annotated[bool, "SillyTavern's data, before another image of it runs"]
    starts_demo: Annotated[bool, "the demo model answers until the model is there"]
    untouched: Annotated[
        list[str], "SillyTavern's data folder: chats and characters in it are neither changed nor deleted"
    ]


class DryRun(TypedDict):
    """What `--dry-run` would deploy."""

    version: Literal[1]
    name: str
    backend: str
    model: str | None
    url: Annotated[str, "where this machine would open the stack"]
    context: Annotated[int, "in tokens, as planned; of an external backend that reports none, what is assumed"]
    more_context: Annotated[MoreContext | None, "null: the demo model, unknown, or the model has no more"]
    kv_cache: str
    expected_tokens_per_s: Annotated[float | None, "computed; null: the demo model, or unknown"]
    compose: Annotated[str, "the compose.yml that would be written"]
    steps: Steps
    command: Annotated[str, "what does it"]


class Missing(TypedDict):
    """What keeps Compose alone from starting the stack, and what to do."""

    problem: str
    hint: str


class Rendered(TypedDict):
    """A compose file."""

    version: Literal[1]
    name: str
    compose: Annotated[str, "its text"]
    file: Annotated[str | None, "where it was written; null: --stdout"]
    archive: Annotated[str | None, "path of the tar file that was packed"]
    missing: Annotated[Missing | None, "null: the folder is complete, or nothing was written"]


class Difference(TypedDict):
    """What a deploy would change."""

    version: Literal[1]
    diff: Annotated[str, "a unified diff of compose.yml; empty: it stays as it is"]
    containers: list[Change]


class Initialised(TypedDict):
    """A new stack.toml."""

    version: Literal[1]
    path: str
