"""Look at each node where a stack's backend may run: one short container there, with the backend's image and user."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from stackctl.contracts.json_table import table_or_empty
from stackctl.contracts.node import FileSeen, Node, NodeReport
from stackctl.core.plan.stack import Plan
from stackctl.errors import ModelError
from stackctl.orchestrators.swarm import job, judge, look_text, nodes, render
from stackctl.orchestrators.swarm.api import Api
from stackctl.orchestrators.swarm.cluster import SERVICE, STACK, Cluster
from stackctl.ports.disk import Says
from stackctl.terminal import command_line, shown_in_line

_LIMIT_S: Final = 90.0
_INSIDE: Final = "/stackctl"
# what NVIDIA's runtime reads; with a resource reserved it would give those alone, but another task may have them
_GPU: Final = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}


def wanted_of(plan: Plan, cluster: Cluster, platform: str) -> judge.Wanted:
    """Return what the plan's backend needs of a node; without the files of a model that has yet to be pulled.

    Raise ModelError for a file that can't be read here.
    """
    service = plan.backend_service
    assert service is not None  # noqa: S101 - the caller has seen one
    files = render.node_files(plan, service, cluster)
    return judge.Wanted(
        image=service.image,
        image_is_own=service.image_is == "own" or service.image.startswith("localhost/"),
        files={there: seen for there, here in files.items() if (seen := _head(there, Path(here)))},
        user=service.user_inside or service.user,
        needs_gpu=service.gpu is not None,
        kind=cluster.kind if service.gpu else "",
        least=cluster.least,
        platform=platform,
    )


def _head(there: str, here: Path) -> FileSeen | None:
    try:
        with here.open("rb") as stream:
            head = hashlib.sha256(stream.read(look_text.HEAD_BYTES)).hexdigest()
            return FileSeen(path=there, size=here.stat().st_size, head=head)
    except FileNotFoundError:
        return None
    except OSError as e:
        raise ModelError(
            f"{here} can't be read: {e.strerror}", hint=f"Run `{command_line('ls', '-l', here)}` to see who may."
        ) from e


def look(
    plan: Plan, cluster: Cluster, listed: tuple[Node, ...], api: Api, folder: str, says: Says
) -> tuple[NodeReport, ...]:
    """Return what was found on each node of the Swarm. Nothing stays of the look.

    A node that is no candidate, or that can be seen to run no backend, gets its reason without a container.
    """
    here = next(one for one in listed if one.is_here)
    wanted = wanted_of(plan, cluster, here.platform)
    candidates = {one.id for one in nodes.choose_candidates(listed, cluster.settings.nodes)}
    told = {one.id: nodes.refusal(one, here, wanted.kind, cluster.least) for one in listed}
    told |= {one.id: ("swarm.nodes leaves it out", "", "") for one in listed if one.id not in candidates}
    looked_at = tuple(one for one in listed if not told[one.id][0])
    job.remove_left(api, folder, "look")
    ended = _run(_job(plan, wanted, folder), looked_at, listed, api, says)
    running = services_by_node(plan.name, api)
    found = []
    for one in listed:
        problem, hint, issue = told[one.id]
        report = (
            NodeReport(node=one, problem=problem, hint=hint, issue=issue)
            if problem
            else judge.judge(one, _ran(ended[one.id], tuple(wanted.files)), wanted)
        )
        found.append(replace(report, services=running.get(one.id, ())))
    return tuple(found)


def _run(
    asked: job.Job, looked_at: tuple[Node, ...], listed: tuple[Node, ...], api: Api, says: Says
) -> dict[str, job.Ended]:
    if not looked_at:
        return {}
    without = [one for one in listed if one not in looked_at]
    states: dict[str, str] = {}

    def state_of(node: Node, state: str, said: str) -> None:
        del said
        if states.get(node.id) != state and state == "preparing":
            says(f"{node.name} fetches the image {asked.image}, if it is not there")
        states[node.id] = state

    with job.running(api, asked, without) as service:
        ended = job.follow(api, service, asked, looked_at, state_of)
    if asked.network and any(job.USERNS in one.error for one in ended.values()):
        return _run(replace(asked, network=""), looked_at, listed, api, says)  # it sees fewer of the node's networks
    return ended


def _job(plan: Plan, wanted: judge.Wanted, folder: str) -> job.Job:
    service = plan.backend_service
    assert service is not None  # noqa: S101 - the caller has seen one
    folders = list(dict.fromkeys(str(PurePosixPath(path).parent) for path in wanted.files))
    inside = {path: f"{_INSIDE}/{number}" for number, path in enumerate(folders)}
    paths = [f"{inside[str(PurePosixPath(path).parent)]}/{PurePosixPath(path).name}" for path in wanted.files]
    return job.Job(
        does="look",
        folder=folder,
        limit_s=_LIMIT_S,
        most=look_text.MOST_BYTES,
        image=wanted.image,
        program=("/bin/sh", "-c", look_text.script(paths, asks_gpu=wanted.needs_gpu or bool(plan.variant))),
        user=wanted.user,
        capabilities=service.capabilities,
        environment=_GPU,
        mounts=tuple((path, at, True) for path, at in inside.items()),
        network="host",
    )


def _ran(ended: job.Ended, paths: tuple[str, ...]) -> judge.Ran:
    printed = look_text.read_printed(ended.said, paths)
    if printed.is_whole:
        return judge.Ran(state=ended.state, printed=printed)
    last = [shown_in_line(line) for line in ended.said.splitlines() if line.strip()][-1:]
    return judge.Ran(state=ended.state, error=ended.error or "".join(last))


def services_by_node(stack: str, api: Api) -> dict[str, tuple[str, ...]]:
    """Return the stack's services that run on each node, by the node's id."""
    found: dict[str, tuple[str, ...]] = {}
    for task in api.list("tasks", label=f"{STACK}={stack}"):
        if table_or_empty(task.get("Status")).get("State") == "running":
            node = str(task.get("NodeID", ""))
            found[node] = tuple(sorted({*found.get(node, ()), _service(task)}))
    return found


def _service(task: Mapping[str, Any]) -> str:
    content = table_or_empty(table_or_empty(task.get("Spec")).get("ContainerSpec"))
    return str(table_or_empty(content.get("Labels")).get(SERVICE, ""))
