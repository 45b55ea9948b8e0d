"""Copy a model's files from this node to each node that lacks them, by a job there that fetches them from here.

The model is here in any case, because the plan is made from its header: so the hub is asked once, by this node, and its
token stays here.
"""

import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from stackctl.contracts.host import Owner
from stackctl.contracts.node import Brings, Brought, Node, NodeReport
from stackctl.core.doctor.commands import size
from stackctl.core.plan.stack import Plan
from stackctl.effects.docker.labels import MADE_BY
from stackctl.orchestrators.swarm import bring_text, job, render
from stackctl.orchestrators.swarm.api import Api
from stackctl.orchestrators.swarm.cluster import FOLDER, Cluster
from stackctl.orchestrators.swarm.serve import Served, serving
from stackctl.terminal import command_line, shown_in_line

_INSIDE: Final = "/stackctl"
_LIMIT_S: Final = 24 * 3600.0  # the program itself gives up where nothing comes for a minute
_PAUSE_S: Final = 1.0
_MISSING: Final = "swarm-model-missing"
_ROOT: Final = Owner(uid=0, gid=0)
_WRITES: Final = ("CHOWN", "DAC_OVERRIDE", "FOWNER")  # into any folder, for the model's owner
_NO_FOLDER: Final = "bind source path does not exist"


@dataclass(frozen=True, kw_only=True)
class _Copy:
    """What is copied. files: path on a node -> path here. mounted: the folder on the node below which all lie."""

    plan: Plan
    files: Mapping[str, Path]
    mounted: str
    folder: str
    network: str = "host"  # the node's own, which reaches this node as the Swarm does

    @property
    def bytes(self) -> int:
        return sum(one.stat().st_size for one in self.files.values())


def bring(
    plan: Plan, cluster: Cluster, reports: tuple[NodeReport, ...], api: Api, folder: str, says: Brings
) -> tuple[Brought, ...]:
    """Return what became of the files on each node that could be seen. reports: of a look just now."""
    service = plan.backend_service
    files = {there: Path(here) for there, here in render.node_files(plan, service, cluster).items()} if service else {}
    lacking = tuple(one.node for one in reports if one.issue == _MISSING)
    done = {one.node.id: _without(one) for one in reports if one.issue != _MISSING}
    if lacking and files:
        deepest = str(PurePosixPath(_common([PurePosixPath(path).parent for path in files])))
        copy = _Copy(plan=plan, files=files, mounted=deepest, folder=folder)
        job.remove_left(api, folder, "bring")
        everywhere = tuple(one.node for one in reports)
        here = next(one.node for one in reports if one.node.is_here)
        with serving(here.address, tuple(files.values())) as served:
            done |= _copy(copy, lacking, everywhere, served, api, says)
    return tuple(done[one.node.id] for one in reports if one.node.id in done)


def _common(folders: list[PurePosixPath]) -> PurePosixPath:
    shared = folders[0]
    while not all(one.is_relative_to(shared) for one in folders):
        shared = shared.parent
    return shared


def _without(report: NodeReport) -> Brought:
    """Return what is said of a node to which nothing is copied."""
    name = report.node.name
    has_files = bool(report.files) and all(one.size is not None and one.head for one in report.files)
    if report.passes or has_files:
        return Brought(node=name, state="there")
    return Brought(node=name, state="left out", problem=report.problem, hint=report.hint, issue=report.issue)


def _copy(
    copy: _Copy, lacking: tuple[Node, ...], everywhere: tuple[Node, ...], served: Served, api: Api, says: Brings
) -> dict[str, Brought]:
    """Copy to all nodes at once. On those that lack the folder it is made, below the nearest one that is there."""
    secret = f"stackctl-bring-{served.port}-{int(time.time())}"
    labels = {MADE_BY: "bring", FOLDER: copy.folder}
    made = api.create("secrets", {"Name": secret, "Labels": labels, "Data": _encoded(served)})
    done: dict[str, Brought] = {}
    try:
        while lacking:
            done |= _run(copy, lacking, everywhere, served, (secret, made), api, says)
            if refused := [one for one in lacking if job.USERNS in done[one.id].problem]:
                done |= _run(replace(copy, network=""), tuple(refused), everywhere, served, (secret, made), api, says)
            above = str(PurePosixPath(copy.mounted).parent)
            lacking = tuple(one for one in lacking if _NO_FOLDER in done[one.id].problem)
            if above == "/":
                break
            copy = replace(copy, mounted=above)
    finally:
        api.remove("secrets", made)
    return done


def _encoded(served: Served) -> str:
    import base64

    return base64.b64encode(served.token.reveal().encode()).decode()


def _run(
    copy: _Copy,
    lacking: tuple[Node, ...],
    everywhere: tuple[Node, ...],
    served: Served,
    secret: tuple[str, str],
    api: Api,
    says: Brings,
) -> dict[str, Brought]:
    whole, began, ends = copy.bytes, time.monotonic(), dict[str, float]()
    asked = _job(copy, served, secret)

    def progress(node: Node, state: str, said: str) -> None:
        ends[node.id] = time.monotonic() - began
        if state == "running":
            now = bring_text.read_progress(said)
            says(node.name, "checks its copy" if now.checks else "copies", _sent(copy, now), whole)

    without = [one for one in everywhere if one not in lacking]
    with job.running(api, asked, without) as service:
        ended = job.follow(
            api,
            service,
            lacking,
            limit_s=_LIMIT_S,
            most=bring_text.MOST_BYTES,
            tail=bring_text.TAIL,
            pause_s=_PAUSE_S,
            says=progress,
        )
    return {node.id: _brought(node, ended[node.id], copy, served, round(ends.get(node.id, 0.0), 1)) for node in lacking}


def _sent(copy: _Copy, now: bring_text.Progress) -> int:
    sizes = [one.stat().st_size for one in copy.files.values()]
    at = 0 if now.current in now.done else sizes[now.current] if now.checks else now.at
    return sum(one for number, one in enumerate(sizes) if number < now.current) + at


def _job(copy: _Copy, served: Served, secret: tuple[str, str]) -> job.Job:
    service = copy.plan.backend_service
    assert service is not None  # noqa: S101 - only a backend has files
    files = [
        bring_text.File(
            target=f"{_INSIDE}/{PurePosixPath(there).relative_to(copy.mounted)}",
            size=here.stat().st_size,
            mode=f"{stat.S_IMODE(here.stat().st_mode) & 0o777:o}",
        )
        for there, here in copy.files.items()
    ]
    name, made = secret
    return job.Job(
        does="bring",
        folder=copy.folder,
        image=service.image,
        program=bring_text.program(served.address, served.port, _owner(copy), files),
        user=_ROOT,
        capabilities=_WRITES,
        mounts=((copy.mounted, _INSIDE, False),),
        secrets={name: (made, bring_text.TOKEN)},
        network=copy.network,
    )


def _brought(node: Node, ended: job.Ended, copy: _Copy, served: Served, took_s: float) -> Brought:
    now = bring_text.read_progress(ended.said)
    if now.is_whole:
        return Brought(node=node.name, state="copied", copied_bytes=copy.bytes, took_s=took_s)
    problem, hint = _problem(node, ended, now, copy, served)
    return Brought(node=node.name, state="failed", took_s=took_s, problem=problem, hint=hint, issue=_MISSING)


def _problem(node: Node, ended: job.Ended, now: bring_text.Progress, copy: _Copy, served: Served) -> tuple[str, str]:
    """Return (what is wrong, what to do) of a copy that failed."""
    why, more = now.failed or ("", "")
    if why == "room":
        free, needed = ([int(one) for one in more.split() if one.isdecimal()] + [0, 0])[:2]
        said = f"{size(free >> 20)} are free there, and {size(needed >> 20)} are needed"
        return f"the model has no room: {said}", "Make room there, and run it again."
    if why == "cut":
        at = f"{served.address}:{served.port}"
        return (
            f"it did not get the whole model from this node, at {at}",
            (
                "Run it again: what arrived is kept. If nothing arrives, let the nodes reach this node by TCP: its "
                "firewall may keep them out."
            ),
        )
    if why == "closed":
        parent, owner = PurePosixPath(next(iter(copy.files))).parent, _owner(copy)
        made = command_line("install", "-d", "-o", owner.uid, "-g", owner.gid, parent)
        return f"root can't write into {parent} there, or not for user {owner.uid}", f"Run `sudo {made}` there."
    if why == "differs":
        return "its copy has another checksum than the model here, and was removed", "Run it again."
    words = shown_in_line(ended.error) or f"its task is {ended.state or 'not started'}"
    return words, f"Run `{command_line('docker', 'node', 'inspect', node.name)}`, and look at the engine's log there."


def _owner(copy: _Copy) -> Owner:
    service = copy.plan.backend_service
    first = next(iter(copy.files.values())).stat()
    found = (service.user_inside or service.user) if service else None
    return found or Owner(uid=first.st_uid, gid=first.st_gid)
