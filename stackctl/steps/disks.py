"""The disks that a stack lies on: room for a first start, permissions for secrets, the disk of the chats."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from stackctl.contracts.host import Owner, Permissions
from stackctl.core.config.files import STATE
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.errors import DataError, DoesNotFit
from stackctl.machine import Machine
from stackctl.steps.tavern_folder import data_path
from stackctl.terminal import command_line

_RECORD: Final = f"{STATE}/sillytavern-disk"  # the mount point of the chats' disk, unless it is the folder's disk
_ROOM_MIB: Final = 200  # for SillyTavern's first data and our own files


def refuse_full(plan: Plan, machine: Machine) -> None:
    """Raise DoesNotFit if a disk has no room for the stack's first files; later files need very little."""
    for folder in (machine.path, machine.path / data_path(plan)):
        free = machine.storage.trees.free_mib(folder)
        if free < _ROOM_MIB:
            raise DoesNotFit(
                f"only {free} MiB are free on the disk of {folder}; at least {_ROOM_MIB} are needed",
                hint="Free some space: `docker system df` shows what images and old containers take.",
                issue="disk-full",
            )


def record_disk(plan: Plan, machine: Machine) -> None:
    """Record where the disk of the chats is mounted, once a stack is ready with them."""
    trees, data = machine.storage.trees, machine.path / data_path(plan)
    place = trees.mount_point(data)
    with suppress(DataError):  # a full disk is no reason not to be ready
        if place == trees.mount_point(machine.path):
            machine.folder.remove(_RECORD)
        else:
            machine.folder.write(_RECORD, f"{place}\n")


def refuse_lost_disk(plan: Plan, machine: Machine) -> None:
    """Raise DataError if the disk of the chats is not mounted: SillyTavern would start without them."""
    trees, data = machine.storage.trees, machine.path / data_path(plan)
    place = (machine.folder.read(_RECORD) or "").strip()
    if not place or place == trees.mount_point(data) or trees.existing(data, (tavern.SETTINGS,)):
        return
    raise DataError(
        f"the chats lie on a disk or share at {place}, which is not mounted: {data} is empty",
        hint=f"Mount it with `{command_line('mount', place)}`, then run this again. To start without these chats, run "
        f"`{command_line('rm', machine.path / _RECORD)}`.",
        issue="disk-not-mounted",
    )


def note_read_only(plan: Plan, machine: Machine) -> None:
    """Print a note if SillyTavern will start but can't save anything."""
    data = machine.path / data_path(plan)
    if machine.storage.trees.is_read_only(data):
        machine.ui.warn(f"{data} is on a read-only disk: SillyTavern can't save chats there")


def refuse_without_permissions(data: Path, user: Owner, machine: Machine) -> None:
    """Raise DataError for a disk that refuses owners and permissions; print a note for one that silently drops them.

    `data`: SillyTavern's folder; `user`: its owner.
    """
    for folder, holds, moves, found in _tried(data, user, machine):
        on = f" ({found.file_system})" if found.file_system else ""
        if found.are_refused:
            raise DataError(
                f"the file system of {folder}{on} refuses to set owners and permissions, so {holds} can't lie there",
                hint=f"{moves} on a disk of this machine, such as ext4, XFS or Btrfs. Models may stay where they are.",
                issue="folder-keeps-no-permissions",
            )
        if not found.are_kept:
            machine.ui.warn(
                f"the file system of {folder}{on} keeps no permissions: every user of this machine who can open "
                f"it can read {holds} (mode {found.mode:04o})"
            )


def _tried(data: Path, user: Owner, machine: Machine) -> Iterator[tuple[Path, str, str, Permissions]]:
    """Give each folder of the stack with what it holds, how to move it, and what its file system keeps."""
    trees = machine.storage.trees
    yield (
        machine.path,
        "the API key",
        "Put the stack's folder",
        trees.permissions(machine.path, machine.folder.owner),
    )
    if trees.disk(data) != trees.disk(machine.path):
        found = trees.permissions(data, user)
        yield data, "chats and passwords", "Set sillytavern.data in stack.toml to a folder", found
