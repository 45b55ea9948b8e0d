"""What the last look at the nodes found, kept in the stack's folder: it has no secrets."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from stackctl.contracts.host import Cpu, Gpu
from stackctl.contracts.node import NodeReport
from stackctl.core.config.files import STATE
from stackctl.core.formats.dataclass_json import from_plain, to_plain
from stackctl.core.observed import Ram

FILE: Final = f"{STATE}/nodes.json"
VERSION: Final = 1
_MOST: Final = 4  # needs whose nodes are remembered: what runs, what replaces it, and what a rollback brings back


@dataclass(frozen=True, kw_only=True)
class LastLook:
    """kind, offered: as in Cluster. passing: a backend's needs, as needs_key() has them -> the ids of its nodes."""

    kind: str = ""
    offered: int = 1
    reports: tuple[NodeReport, ...] = ()
    passing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def able(self) -> tuple[NodeReport, ...]:
        return tuple(one for one in self.reports if one.passes)


@dataclass(frozen=True, kw_only=True)
class Held:
    """What this stack's backend was planned to take on the node where it runs, and frees when it is replaced."""

    service: str
    ram_mib: int = 0
    gpus_mib: tuple[int, ...] = ()


def needs_key(image: str, sources: Iterable[str]) -> str:
    """Return a key of what a backend needs on its node: its image and the files there."""
    return hashlib.sha256(json.dumps([image, sorted(sources)]).encode()).hexdigest()[:16]


def remembered(before: LastLook | None, needs: str, now: tuple[NodeReport, ...]) -> dict[str, tuple[str, ...]]:
    """Return the nodes of the last few needs, these as the newest."""
    older = {key: ids for key, ids in (before.passing if before else {}).items() if key != needs}
    kept = dict(list(older.items())[-(_MOST - 1) :])
    return {**kept, needs: tuple(one.node.id for one in now if one.passes)}


def dump(look: LastLook) -> str:
    return json.dumps({"version": VERSION, **to_plain(look)}, indent=1) + "\n"


def parse(text: str) -> LastLook | None:
    """Return what dump() wrote; None for anything else."""
    try:
        content = json.loads(text)
        found: LastLook | None = from_plain(LastLook, content) if content["version"] == VERSION else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return found


def weakest_ram(reports: Iterable[NodeReport], held: Held | None) -> Ram | None:
    """Return the memory of the node that has least of it free; None if that is not known of each."""
    found = []
    for one in reports:
        if one.total_mib is None or one.free_mib is None:
            return None
        mine = held.ram_mib if held and held.service in one.services else 0
        own = min(mine, one.total_mib - min(one.free_mib, one.total_mib))
        found.append(Ram(total_mib=one.total_mib, free_mib=one.free_mib, own_mib=own))
    return min(found, key=lambda one: one.free_mib + one.own_mib, default=None)


def freed(report: NodeReport, held: Held | None) -> NodeReport:
    """Return a report in which the memory that this stack's backend holds on its node's GPUs counts as free."""
    if held is None or held.service not in report.services:
        return report
    each = (*held.gpus_mib, *(0 for _ in report.gpus))
    gpus = (
        replace(gpu, free_mib=min(gpu.total_mib, gpu.free_mib + own))
        for gpu, own in zip(report.gpus, each, strict=False)
    )
    return replace(report, gpus=tuple(gpus))


def weakest_gpus(reports: Iterable[NodeReport]) -> tuple[Gpu, ...]:
    """Return the GPUs of the node that has least of their memory: what fits there, fits on each."""
    return min((one.gpus for one in reports), key=lambda gpus: sum(gpu.total_mib for gpu in gpus), default=())


def shared_uuid(kind: str, index: int) -> str:
    """Return a name for a GPU that any of the nodes may bring."""
    return f"{kind or 'GPU'}-{index}"


def unknown_gpus(kind: str, count: int) -> tuple[Gpu, ...]:
    """Return GPUs of which nothing is known but that nodes offer them: without memory, so that no sum is made."""
    return tuple(
        Gpu(index=at, uuid=shared_uuid(kind, at), name=f"{kind} of a node", total_mib=0, free_mib=0)
        for at in range(count)
    )


def common_cpu(reports: Iterable[NodeReport], here: Cpu) -> Cpu:
    """Return a processor that has what those of all nodes have."""
    seen = [one.cpu for one in reports if one.cpu]
    if not seen:
        return here
    return Cpu(architecture=seen[0].architecture, avx=all(one.avx for one in seen), avx2=all(one.avx2 for one in seen))
