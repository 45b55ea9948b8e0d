"""Whether a disk has room for what lies there, and for more files."""

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final, Literal

from stackctl.contracts.engine import Leftovers
from stackctl.contracts.finding import Finding
from stackctl.contracts.repair import Repair, RunProgram
from stackctl.contracts.system import DiskUse
from stackctl.core.doctor.commands import size
from stackctl.terminal import command_line

Holds = Literal["images", "stack", "models"]

# MiB below which a disk counts as full. A container starts with less, but writes its log and SillyTavern's chats there.
_FULL_MIB: Final = 200
# MiB below which it is worth a warning: what a stack writes in months, and the images of a first deploy (ours for a CPU
# take 0.8 GiB unpacked, the official ones more, and both are there packed as well while they are pulled)
_LOW_MIB: Final = 1024
_PULL_MIB: Final = 3 * 1024
# files: our image of SillyTavern alone holds 33,000 (node_modules)
_FULL_INODES: Final = 500
_LOW_INODES: Final = 10_000
_PULL_INODES: Final = 60_000
_WHAT: Final = {"images": "the engine keeps images and containers", "stack": "the stack lies", "models": "models lie"}


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder on a disk. will_pull: images that a deploy needs are missing and will come there."""

    path: PurePosixPath
    holds: Holds
    disk: DiskUse
    will_pull: bool = False
    leftovers: Leftovers = field(default_factory=Leftovers)


def judge_room(place: Place) -> tuple[Finding, ...]:
    """Return what is wrong with the room at a place, and with the number of files that fit there."""
    return (*_room(place), *_inodes(place))


def _room(place: Place) -> tuple[Finding, ...]:
    disk = place.disk
    low = min(_PULL_MIB if place.will_pull else _LOW_MIB, max(disk.total_mib // 2, _FULL_MIB))
    if disk.is_read_only or disk.total_mib == 0 or disk.free_mib >= low:
        return ()
    is_full = disk.free_mib < _FULL_MIB
    need = f", and images are still to be pulled, which need about {size(_PULL_MIB)}" if place.will_pull else ""
    free = "no room is" if disk.free_mib == 0 else f"{size(disk.free_mib)} of {size(disk.total_mib)} are"
    return (
        Finding(
            issue="disk-full" if is_full else "disk-low",
            severity="failure" if is_full else "warning",
            context=str(place.path),
            says=f"{free} free at {place.path}, where {_WHAT[place.holds]}{need if not is_full else ''}",
            hint=_hint(place),
            evidence=_evidence(disk),
            repair=_repair(place),
        ),
    )


def _inodes(place: Place) -> tuple[Finding, ...]:
    disk = place.disk
    low = min(_PULL_INODES if place.will_pull else _LOW_INODES, max(disk.inodes // 2, _FULL_INODES))
    if disk.is_read_only or disk.inodes == 0 or disk.free_inodes >= low:
        return ()
    is_full = disk.free_inodes < _FULL_INODES
    need = f", and the images of a deploy hold about {_PULL_INODES:,}" if place.will_pull and not is_full else ""
    return (
        Finding(
            issue="inodes-used-up",
            severity="failure" if is_full else "warning",
            context=str(place.path),
            says=f"{disk.free_inodes:,} more files of {disk.inodes:,} fit at {place.path}, where "
            f"{_WHAT[place.holds]}{need}",
            hint=_hint(place) if place.holds == "images" else f"{_find_many(disk)} Then remove what is not needed.",
            evidence=_evidence(disk),
            repair=_repair(place),
        ),
    )


def _evidence(disk: DiskUse) -> tuple[str, ...]:
    on = f" on {disk.mount_point}" if disk.mount_point else ""
    inodes = f", {disk.free_inodes:,} of {disk.inodes:,} inodes free" if disk.inodes else ""
    return (f"{disk.file_system or 'file system'}{on}: {disk.free_mib} of {disk.total_mib} MiB free{inodes}",)


def _hint(place: Place) -> str:
    if place.holds == "images":
        return (
            "Run `docker system df` to see what takes the room. `docker builder prune` removes what builds left, and "
            "`docker image prune` images without a name."
        )
    if place.holds == "models":
        return "Run `stackctl models list` to see the models with their sizes, then remove what is not needed."
    at = place.disk.mount_point or str(place.path)
    return f"Run `{command_line('du', '-xhd', '2', at)}` to see what takes the room, then remove what is not needed."


def _find_many(disk: DiskUse) -> str:
    at = disk.mount_point or "/"
    return f"Run `{command_line('du', '--inodes', '-xd', '2', at)}` to see where the files are."


def _repair(place: Place) -> Repair | None:
    """Remove images without a name or digest: a prune would take those, too, that are known by their digest alone."""
    left = place.leftovers
    if place.holds != "images" or not left.ids:
        return None
    count = "an image" if len(left.ids) == 1 else f"{len(left.ids)} images"
    remove = RunProgram(argv=("docker", "image", "rm", *left.ids), needs_root=False)
    return Repair(
        does=f"Remove {count} that no container uses and that no name leads to (up to {size(left.mib)}).",
        steps=(remove,),
    )
