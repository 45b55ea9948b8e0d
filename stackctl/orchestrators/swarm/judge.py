"""The verdict on each node: may the stack's backend run there, and if not, why, and what to do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.host import Owner
from stackctl.contracts.node import FileSeen, Node, NodeReport
from stackctl.core.doctor.commands import size
from stackctl.orchestrators.swarm.look_text import Printed
from stackctl.terminal import command_line, shown_in_line

_LONGEST: Final = 300  # characters of a node's own words
_BIND: Final = re.compile(r"bind source path does not exist: (.{1,300})")
_NO_IMAGE: Final = re.compile(
    r"no such image|not found|pull access denied|manifest unknown|unauthorized", re.IGNORECASE
)
_PULL: Final = "Run `stackctl models pull --nodes`, which copies it there."
_GPU_SETUP: Final = (
    'Set "default-runtime": "nvidia" in that node\'s /etc/docker/daemon.json, and swarm-resource = '
    '"DOCKER_RESOURCE_{kind}" in /etc/nvidia-container-runtime/config.toml; use the NVIDIA Container Toolkit 1.19 or '
    "newer, and restart its engine."
)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the backend needs of a node.

    image_is_own: no registry has it. files: those of the model, as they are here, by their paths there; heads: sha256
    of the first MiB. user: None for the image's. needs_gpu: kind is what it reserves, "" if the node alone is chosen.
    """

    image: str
    image_is_own: bool
    files: Mapping[str, FileSeen]
    user: Owner | None
    needs_gpu: bool
    kind: str = ""
    least: int = 1  # how many GPUs
    platform: str = ""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How the look ended on a node. error: the engine's words, "" if it ran; printed: None if it did not."""

    state: str = ""  # the task's; "" if there was none
    error: str = ""
    printed: Printed | None = None


def judge(node: Node, ran: Ran, wanted: Wanted) -> NodeReport:
    """Return what was found on a node that could run a look."""
    if ran.printed is None:
        return _not_run(node, ran, wanted)
    seen = ran.printed
    report = NodeReport(
        node=node,
        files=seen.files,
        free_bytes=seen.free_bytes,
        total_mib=seen.total_mib,
        free_mib=seen.free_mib,
        cpu=seen.cpu,
        gpus=seen.gpus,
        devices=seen.devices,
        subnets=seen.subnets,
    )
    problem, hint, issue = _of_files(seen, wanted) or _of_gpu(seen, wanted) or ("", "", "")
    return replace(report, problem=problem, hint=hint, issue=issue)


def _not_run(node: Node, ran: Ran, wanted: Wanted) -> NodeReport:
    words = shown_in_line(ran.error)[:_LONGEST]
    if missing := _BIND.search(words):
        files = tuple(FileSeen(path=path) for path in wanted.files if path.startswith(missing[1].strip()))
        return NodeReport(
            node=node,
            problem=f"the model is missing: there is no {missing[1].strip()}",
            hint=_PULL,
            issue="swarm-model-missing",
            files=files,
        )
    if _NO_IMAGE.search(words) and wanted.image_is_own:
        load = f"{command_line('docker', 'save', wanted.image)} | {command_line('ssh', node.name, 'docker', 'load')}"
        return NodeReport(
            node=node,
            problem=f"the image {wanted.image} is missing, which no registry has",
            hint=f"Run `{load}` on the machine that has it, or `stackctl images build` on that node.",
            issue="swarm-image-missing",
        )
    if _NO_IMAGE.search(words):
        return NodeReport(
            node=node,
            problem=f"it can't fetch the image {wanted.image}{_more(words, wanted.image)}",
            hint=f"Run `{command_line('docker', 'pull', wanted.image)}` there, and repair what it says.",
            issue="swarm-image-missing",
        )
    said = words or (f"its task stayed {ran.state}" if ran.state else "its task was not started")
    hint = f"Run `{command_line('docker', 'node', 'inspect', node.name)}`, and look at the engine's log there."
    return NodeReport(node=node, problem=f"the look did not run: {said}", hint=hint, issue="swarm-no-node")


def _more(words: str, image: str) -> str:
    """Return what the engine says beside the image's name, as the end of a sentence."""
    said = words.replace(image, "").strip(" :")
    return f": {said}" if said and said.lower() != "no such image" else ""


def _of_files(seen: Printed, wanted: Wanted) -> tuple[str, str, str] | None:
    found = {one.path: one for one in seen.files}
    for path, here in wanted.files.items():
        there = found.get(path)
        if there is None:
            return f"the look did not say whether {path} is there", "Run it again.", "swarm-no-node"
        if there.size is None:
            need, room = here.size or 0, seen.free_bytes
            full = (
                f", and {size(room >> 20)} are free for its {size(need >> 20)}"
                if room is not None and room < need
                else ""
            )
            hint = "Make room there first. " if full else ""
            return f"the model is missing: there is no {path}{full}", hint + _PULL, "swarm-model-missing"
        if there.size != here.size:
            said = f"{path} has {there.size} bytes there, and {here.size} here"
            return f"it has another model, or a part of it: {said}", _PULL, "swarm-model-missing"
        if not there.head:
            change = command_line("chmod", "a+r", PurePosixPath(path))
            whom = f"user {wanted.user.uid}" if wanted.user else "the backend's user"
            return f"{path} can't be read by {whom}", f"Run `{change}` there.", "folder-not-readable"
        if there.head != here.head:
            return f"{path} has another content there than here", _PULL, "swarm-model-missing"
    return None


def _of_gpu(seen: Printed, wanted: Wanted) -> tuple[str, str, str] | None:
    if wanted.needs_gpu and seen.gpus and len(seen.gpus) < wanted.least:
        says = f"a container there sees {len(seen.gpus)} of the {wanted.least} GPUs that the backend needs"
        return says, _GPU_SETUP.format(kind=wanted.kind or "GPU"), "swarm-no-node"
    if not wanted.needs_gpu or seen.gpus:
        return None
    if seen.devices and not seen.faults:
        return None  # an image without nvidia-smi: the device files are there, their memory is not known
    why = f": {seen.faults[0]}" if seen.faults else ""
    offers = f"it offers {wanted.kind}, but a" if wanted.kind else "a"
    return (
        f"{offers} container there sees no GPU{why}",
        _GPU_SETUP.format(kind=wanted.kind or "GPU"),
        "swarm-no-node",
    )
