"""The file systems of the stack's folders: whether they can be written, keep permissions, and are mounted at all."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.finding import Finding, Severity
from stackctl.contracts.host import Permissions
from stackctl.contracts.repair import Repair, RunProgram
from stackctl.contracts.system import NETWORK, DiskUse, User
from stackctl.core.doctor.commands import as_root, size
from stackctl.core.observed import EngineView

# file systems that keep no owners or permissions, or only in some cases: what they keep has to be tried
UNSURE: Final = frozenset({"9p", "drvfs", "virtiofs", "ntfs3", "ntfs", "vfat", "msdos", "exfat", *NETWORK})
_GB_PER_S: Final = {"1 Gbit/s": 0.11, "2.5 Gbit/s": 0.28, "10 Gbit/s": 1.1}  # what is left of them for files


def has_to_be_tried(disk: DiskUse) -> bool:
    """Return whether a file system may keep no owners or permissions, which only a file there shows."""
    return disk.file_system in UNSURE or disk.file_system.startswith("fuse")


@dataclass(frozen=True, kw_only=True)
class StackFolder:
    """The stack's folder. is_stack: a stack or its settings lie there; else it is only where the user is."""

    path: PurePosixPath
    disk: DiskUse
    is_stack: bool
    may_write: bool
    owner: int
    permissions: Permissions | None = None  # None if they were not tried


def judge_folder(folder: StackFolder, user: User) -> tuple[Finding, ...]:
    """Return why a stack in this folder can't be written or keep its secrets."""
    return (*_writable(folder, user), *_permissions(folder))


def _writable(folder: StackFolder, user: User) -> Iterator[Finding]:
    path, disk = folder.path, folder.disk
    if disk.is_read_only:
        point = disk.mount_point or str(path)
        yield Finding(
            issue="folder-read-only",
            severity="failure" if folder.is_stack else "warning",
            context=str(path),
            says=f"{path} lies on a read-only file system ({point}): neither chats nor settings can be saved there",
            hint=f"Run `{as_root(user, 'mount', '-o', 'remount,rw', point)}`. Look at `dmesg` first: a kernel turns a "
            "damaged file system read-only.",
            evidence=(f"{disk.source or 'it'} on {point}: {disk.file_system or 'file system'}, ro",),
        )
    elif not folder.may_write and folder.is_stack:
        yield Finding(
            issue="folder-not-writable",
            context=str(path),
            says=f"{user.name} may not write to {path}, which belongs to user {folder.owner}",
            hint=f"Run stackctl as that user, or take the folder over: `{as_root(user, 'chown', user.name, path)}`.",
            evidence=(f"{path}: owner {folder.owner}, this user {user.uid}",),
        )


def _permissions(folder: StackFolder) -> Iterator[Finding]:
    found, path = folder.permissions, folder.path
    if found is None or found.are_kept:
        return
    kind = folder.disk.file_system or "unknown kind"
    severity: Severity = "failure" if found.are_refused and folder.is_stack else "warning"
    what = (
        "refuses to set owners and permissions, so the API key can't lie there"
        if found.are_refused
        else f"keeps no permissions: every user of this machine can read the API key (mode {found.mode:04o})"
    )
    yield Finding(
        issue="folder-keeps-no-permissions",
        severity=severity,
        context=str(path),
        says=f"the file system of {path} ({kind}) {what}",
        hint="Put the stack's folder on a disk of this machine, such as ext4, XFS or Btrfs. Models may stay where they "
        "are.",
        evidence=(f"{folder.disk.source or 'it'} on {folder.disk.mount_point or path}: {kind}",),
    )


def judge_view(path: PurePosixPath, view: EngineView, *, is_same: bool | None) -> tuple[Finding, ...]:
    """Return whether the engine does not see a folder. is_same: whether it is the same one for its process."""
    if view == "snap" and not _is_open_to_snap(path):
        return (
            Finding(
                issue="folder-not-seen",
                context=str(path),
                says=f"Docker from a snap sees only what is not hidden in home folders, and {path} is not there",
                hint="Move the stack's folder into your home folder, or install Docker's own packages.",
                evidence=("the engine's folder lies below /var/snap",),
            ),
        )
    if is_same is False and not view:
        return (
            Finding(
                issue="folder-not-seen",
                context=str(path),
                says=f"the engine does not see {path} as it is here: a disk is mounted that only one of them sees",
                hint="Restart the engine with `systemctl restart docker`, or put the folder on a disk that both see.",
                evidence=("the engine's process has another mount namespace",),
            ),
        )
    return ()


def _is_open_to_snap(path: PurePosixPath) -> bool:
    return path.parts[:2] == ("/", "home") and not any(one.startswith(".") for one in path.parts)


def judge_model_disk(path: PurePosixPath, disk: DiskUse, model_mib: int) -> tuple[Finding, ...]:
    """Return whether a model lies on a network share. model_mib: its size, 0 if unknown."""
    if disk.file_system not in NETWORK:
        return ()
    takes = ", ".join(f"{model_mib * 1.048576e6 / 1e9 / speed:.0f} s by {name}" for name, speed in _GB_PER_S.items())
    figures = f": at each start its {size(model_mib)} take {takes}" if model_mib >= 100 else ""
    return (
        Finding(
            issue="model-on-network-share",
            severity="warning",
            context=str(path),
            says=f"the model {path.name} lies on a network share ({disk.file_system} at {disk.mount_point}){figures}",
            hint="Copy it to a disk of this machine, then name the copy in stack.toml. On NFS the engine may also need "
            "the export option `no_root_squash`, or a file that every user may read.",
            evidence=(f"{disk.source} on {disk.mount_point}: {disk.file_system}",),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class FstabEntry:
    """A mount that /etc/fstab has, and whether it is mounted at boot."""

    point: PurePosixPath
    kind: str
    is_automatic: bool


def read_fstab(text: str) -> tuple[FstabEntry, ...]:
    """Return what /etc/fstab mounts; damaged lines are left out."""
    found = []
    for line in text.splitlines():
        fields = line.split("#", 1)[0].split()
        if len(fields) >= 3 and fields[1].startswith("/"):
            options = fields[3].split(",") if len(fields) > 3 else ()
            point = fields[1].replace("\\040", " ").replace("\\011", "\t")
            found.append(FstabEntry(point=PurePosixPath(point), kind=fields[2], is_automatic="noauto" not in options))
    return tuple(found)


def judge_mounted(
    path: PurePosixPath, what: str, disk: DiskUse | None, fstab: Collection[FstabEntry], user: User
) -> tuple[Finding, ...]:
    """Return whether the disk of a missing path is not mounted, by /etc/fstab. what: what lies there, as a noun."""
    around = [one for one in fstab if path.is_relative_to(one.point) and one.point != PurePosixPath("/")]
    if not around:
        return ()
    entry = max(around, key=lambda one: len(one.point.parts))
    if disk and PurePosixPath(disk.mount_point or "/").is_relative_to(entry.point):
        return ()
    step = RunProgram(argv=("mount", str(entry.point)), undo=("umount", str(entry.point)))
    is_safe = entry.is_automatic and entry.kind not in NETWORK and not entry.kind.startswith("fuse")
    return (
        Finding(
            issue="disk-not-mounted",
            context=str(path),
            says=f"{what} {path} is not there: {entry.point} is not mounted, as /etc/fstab has it",
            hint=f"Run `{as_root(user, 'mount', entry.point)}`.",
            evidence=(f"/etc/fstab: {entry.kind} at {entry.point}", f"not in /proc/self/mountinfo: {entry.point}"),
            repair=Repair(does=f"Mount {entry.point}, as /etc/fstab has it.", steps=(step,)) if is_safe else None,
        ),
    )


def judge_missing(path: PurePosixPath) -> Finding:
    """Return the finding for a model that is not there, on disks that are mounted."""
    return Finding(
        issue="model-missing",
        context=str(path),
        says=f"the model {path} is not there",
        hint="Run `stackctl models list` to see the models that are, then name one in stack.toml; or mount its disk.",
    )
