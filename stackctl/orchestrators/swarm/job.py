"""A job that runs one short program on each of some nodes, once. What it prints comes back by its tasks' logs."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from stackctl.contracts.host import Owner
from stackctl.contracts.json_table import table_or_empty
from stackctl.contracts.node import Node
from stackctl.effects.docker.client import sdk_errors
from stackctl.effects.docker.labels import MADE_BY
from stackctl.errors import EngineError
from stackctl.orchestrators.swarm.api import Api, Kind
from stackctl.orchestrators.swarm.cluster import FOLDER
from stackctl.terminal import shown_in_line

ENDED: Final = frozenset({"complete", "failed", "rejected", "shutdown", "orphaned", "remove"})
USERNS: Final = "host's network namespace"  # in the words of an engine with user namespaces, which gives none of it
_PAUSE_S: Final = 0.3
_PULL_S: Final = 3600.0  # an image of some GB over a slow line
_ASSIGNED_S: Final = 20.0  # until a node takes a task that waits for it
_NEVER_NS: Final = 24 * 3600 * 10**9  # a job's task is tried again whatever the condition says, after this delay
_PIDS: Final = 64
_MEMORY: Final = 512 << 20
_LOG: Final = {"Name": "json-file", "Options": {"max-size": "1m"}}  # a node's default may be one that can't be read


@dataclass(frozen=True, kw_only=True)
class Job:
    """What runs on each node. limit_s: for the program, once it runs; most, tail: bytes of its log, and its lines.

    mounts: (path on the node, path inside, read-only). secrets: name -> (id, path inside).
    """

    does: Literal["look", "bring"]
    folder: str  # the stack's
    image: str
    program: tuple[str, ...]
    limit_s: float
    most: int
    tail: str = "all"
    pause_s: float = 0.3  # between two looks at its tasks
    user: Owner | None = None  # with the ids inside; None for the image's
    capabilities: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[tuple[str, str, bool], ...] = ()
    secrets: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    network: str = ""  # "host": the node's; "": the engine's default bridge


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How the job ended on a node. state: its task's, "" if there was none; error: the engine's words; said: log."""

    state: str = ""
    error: str = ""
    said: str = ""


def service_spec(job: Job, without: Iterable[Node], name: str) -> dict[str, Any]:
    """Return the job as the Engine's API takes it. without: the nodes that run none of it."""
    labels = {MADE_BY: job.does, FOLDER: job.folder}
    user = str(job.user) if job.user else ""
    content = {
        "Image": job.image,
        "Labels": labels,
        "Command": list(job.program),
        "Env": [f"{key}={value}" for key, value in job.environment.items()],
        **({"User": user} if user else {}),
        "Init": True,
        "ReadOnly": True,
        "Privileges": {"NoNewPrivileges": True},
        "CapabilityDrop": ["ALL"],
        "CapabilityAdd": [f"CAP_{one}" for one in job.capabilities],
        "StopGracePeriod": 1_000_000_000,
        "Healthcheck": {"Test": ["NONE"]},
        "Mounts": [
            {"Type": "bind", "Source": source, "Target": target, "ReadOnly": is_read_only}
            for source, target, is_read_only in job.mounts
        ],
        "Secrets": [
            {
                "SecretID": id_,
                "SecretName": key,
                "File": {
                    "Name": path,
                    "UID": str(job.user.uid if job.user else 0),
                    "GID": str(job.user.gid if job.user else 0),
                    "Mode": 0o400,
                },
            }
            for key, (id_, path) in job.secrets.items()
        ],
    }
    return {
        "Name": name,
        "Labels": labels,
        "Mode": {"GlobalJob": {}},
        "TaskTemplate": {
            "ContainerSpec": content,
            "RestartPolicy": {"Condition": "none", "Delay": _NEVER_NS},
            "Placement": {"Constraints": [f"node.id != {one.id}" for one in without]},
            "Resources": {"Limits": {"Pids": _PIDS, "MemoryBytes": _MEMORY}},
            "LogDriver": _LOG,
            **({"Networks": [{"Target": job.network}]} if job.network else {}),
        },
    }


def remove_left(api: Api, folder: str, does: str) -> None:
    """Remove the jobs of this kind that a killed stackctl left in this folder, and their secrets."""
    kinds: tuple[Kind, ...] = ("services", "secrets")
    for kind in kinds:
        for one in api.list(kind, label=f"{MADE_BY}={does}"):
            if table_or_empty(table_or_empty(one.get("Spec")).get("Labels")).get(FOLDER) == folder:
                api.remove(kind, str(one["ID"]))


@contextmanager
def running(api: Api, job: Job, without: Iterable[Node]) -> Iterator[str]:
    """Give the id of a service that runs the job; it is removed at the end, whatever happens."""
    made = api.create("services", service_spec(job, without, f"stackctl-{job.does}-{secrets.token_hex(4)}"))
    try:
        yield made
    finally:
        api.remove("services", made)


def follow(
    api: Api,
    service: str,
    job: Job,
    nodes: tuple[Node, ...],
    says: Callable[[Node, str, str], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Ended]:
    """Return how the job ended on each node, by its id.

    says: gets each node's state and what it printed so far, whenever it was looked at.
    """

    def log(task: Mapping[str, Any], *, is_whole: bool = False) -> str:
        return read_log(api, str(task["ID"]), job, clock, sleep, is_whole=is_whole)

    by_id, ended = {one.id: one for one in nodes}, dict[str, Ended]()
    since = {one.id: ("", clock()) for one in nodes}  # the state of its task, and from when on it has it
    while len(ended) < len(nodes):
        tasks, down = _first(api.list("tasks", service=service)), _down(api)
        for id_, node in by_id.items():
            if id_ in ended:
                continue
            task = tasks.get(id_, {})
            status = table_or_empty(task.get("Status"))
            state, error = str(status.get("State", "")), _words(status)
            if state != since[id_][0]:
                since[id_] = state, clock()
            is_late = clock() - since[id_][1] > _patience(state, job.limit_s)
            if id_ in down:
                ended[id_] = Ended(state=state, error="the node went down")
            elif state in ENDED or is_late:
                said = log(task, is_whole=state in {"complete", "failed"}) if task else ""
                ended[id_] = Ended(state=state, error="" if state == "complete" else error, said=said)
            elif state == "running":
                says(node, state, log(task))
            else:
                says(node, state, "")
        if len(ended) < len(nodes):
            sleep(job.pause_s)
    return ended


def _down(api: Api) -> set[str]:
    """Return the ids of the nodes that no longer answer: their tasks keep the state that they had."""
    return {str(one["ID"]) for one in api.list("nodes") if table_or_empty(one.get("Status")).get("State") == "down"}


def _patience(state: str, limit_s: float) -> float:
    if state in {"preparing", "ready"}:
        return _PULL_S
    return limit_s if state in {"starting", "running"} else _ASSIGNED_S


def _first(tasks: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return each node's oldest task: Swarm makes others after a failure, which would fail in the same way."""
    found: dict[str, Mapping[str, Any]] = {}
    for one in sorted(tasks, key=lambda task: str(task.get("CreatedAt", ""))):
        found.setdefault(str(one.get("NodeID", "")), one)
    return found


def _words(status: Mapping[str, Any]) -> str:
    return shown_in_line(str(status.get("Err") or ""))[:600]


def read_log(
    api: Api, task: str, job: Job, clock: Callable[[], float], sleep: Callable[[float], None], *, is_whole: bool
) -> str:
    """Return what a task printed, within the job's limits. is_whole: wait a moment until something comes."""
    until = clock() + (3.0 if is_whole else 0.0)
    while True:
        found = _bytes(api, task, job.most, job.tail)
        if found or clock() >= until:
            return found.decode("utf-8", "replace")
        sleep(_PAUSE_S)


def _bytes(api: Api, task: str, most: int, tail: str) -> bytes:
    """Return the part of a task's log that can be read now: nothing before its container exists."""
    pieces, length = [], 0
    with suppress(EngineError, *sdk_errors()):
        for piece in api.follow_log("tasks", task, tail=tail, follow=False):
            pieces.append(piece)
            length += len(piece)
            if length >= most:
                break
    return b"".join(pieces)[:most]
