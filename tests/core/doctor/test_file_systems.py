"""The file systems of the stack's folders."""

from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from stackctl.contracts.host import Permissions
from stackctl.contracts.repair import RunProgram
from stackctl.contracts.system import DiskUse, User
from stackctl.core.doctor.file_systems import (
    FstabEntry,
    StackFolder,
    has_to_be_tried,
    judge_folder,
    judge_model_disk,
    judge_mounted,
    judge_view,
    read_fstab,
)
from stackctl.core.observed import EngineView

USER = User(name="ann", uid=1000)
PATH = PurePosixPath("/home/ann/chat")
DISK = DiskUse(total_mib=1000, free_mib=900, inodes=0, free_inodes=0, file_system="ext4", mount_point="/")
FOLDER = StackFolder(path=PATH, disk=DISK, is_stack=True, may_write=True, owner=1000)
NFS = replace(DISK, file_system="nfs4", mount_point="/mnt/nas", source="nas:/models")


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        (FOLDER, []),
        (replace(FOLDER, disk=replace(DISK, is_read_only=True)), [("folder-read-only", "failure")]),
        (
            replace(FOLDER, disk=replace(DISK, is_read_only=True), may_write=False),
            [("folder-read-only", "failure")],
        ),
        (replace(FOLDER, disk=replace(DISK, is_read_only=True), is_stack=False), [("folder-read-only", "warning")]),
        (replace(FOLDER, may_write=False, owner=0), [("folder-not-writable", "failure")]),
        (replace(FOLDER, may_write=False, owner=0, is_stack=False), []),  # where the user happens to be
        (
            replace(FOLDER, permissions=Permissions(are_refused=True)),
            [("folder-keeps-no-permissions", "failure")],
        ),
        (replace(FOLDER, permissions=Permissions(mode=0o777)), [("folder-keeps-no-permissions", "warning")]),
        (replace(FOLDER, permissions=Permissions()), []),
    ],
)
def test_a_folder_that_can_hold_no_stack(folder: StackFolder, found: list[tuple[str, str]]) -> None:
    assert [(one.issue, one.severity) for one in judge_folder(folder, USER)] == found


@pytest.mark.parametrize(
    ("kind", "is_unsure"),
    [
        *((kind, False) for kind in ("ext4", "btrfs", "zfs", "overlay", "")),
        *((kind, True) for kind in ("vfat", "9p", "fuse", "fuse.mergerfs", "fuseblk", "nfs4")),
    ],
)
def test_permissions_are_tried_only_where_they_are_in_doubt(kind: str, is_unsure: bool) -> None:
    assert has_to_be_tried(replace(DISK, file_system=kind)) == is_unsure


@pytest.mark.parametrize(
    ("path", "view", "is_same", "is_seen"),
    [
        ("/home/ann/chat", "", True, True),
        ("/home/ann/chat", "", None, True),
        ("/home/ann/chat", "", False, False),
        ("/home/ann/chat", "snap", None, True),
        ("/srv/chat", "snap", None, False),
        ("/home/ann/.chat", "snap", None, False),
        ("/srv/chat", "container", False, True),  # the frame of stackctl's own container says it
        ("/srv/chat", "desktop", None, True),
    ],
)
def test_what_the_engine_does_not_see(path: str, view: EngineView, is_same: bool | None, is_seen: bool) -> None:
    found = judge_view(PurePosixPath(path), view, is_same=is_same)
    assert [one.issue for one in found] == ([] if is_seen else ["folder-not-seen"])


def test_a_model_on_a_share_is_a_warning_with_figures() -> None:
    assert judge_model_disk(PurePosixPath("/m/a.gguf"), DISK, 8000) == ()
    (found,) = judge_model_disk(PurePosixPath("/mnt/nas/a.gguf"), NFS, 8000)
    assert (found.issue, found.severity) == ("model-on-network-share", "warning")
    assert "its 7.8 GiB take 76 s by 1 Gbit/s, 30 s by 2.5 Gbit/s, 8 s by 10 Gbit/s" in found.says
    assert found.evidence == ("nas:/models on /mnt/nas: nfs4",)


FSTAB = """\
# <file system> <mount point> <type> <options>
UUID=aa / ext4 errors=remount-ro 0 1
UUID=bb /data ext4 defaults 0 2
nas:/models /mnt/nas\\040two nfs4 defaults,noauto 0 0
nas:/x /mnt/share nfs rw 0 0
UUID=cc none swap sw 0 0
damaged
"""


def test_fstab_is_read() -> None:
    assert read_fstab(FSTAB) == (
        FstabEntry(point=PurePosixPath("/"), kind="ext4", is_automatic=True),
        FstabEntry(point=PurePosixPath("/data"), kind="ext4", is_automatic=True),
        FstabEntry(point=PurePosixPath("/mnt/nas two"), kind="nfs4", is_automatic=False),
        FstabEntry(point=PurePosixPath("/mnt/share"), kind="nfs", is_automatic=True),
    )


@pytest.mark.parametrize(
    ("path", "disk", "is_lost"),
    [
        ("/data/models/a.gguf", DISK, True),
        ("/data/models/a.gguf", replace(DISK, mount_point="/data"), False),  # it is mounted, and the file is gone
        ("/home/ann/a.gguf", DISK, False),
        ("/database/a.gguf", DISK, False),
        ("/data/a.gguf", None, True),
    ],
)
def test_a_missing_file_may_lie_on_a_disk_that_is_not_mounted(path: str, disk: DiskUse | None, is_lost: bool) -> None:
    found = judge_mounted(PurePosixPath(path), "the model", disk, read_fstab(FSTAB), USER)
    assert [one.issue for one in found] == (["disk-not-mounted"] if is_lost else [])


def test_a_disk_of_this_machine_can_be_mounted_and_a_share_may_hang() -> None:
    entries = read_fstab(FSTAB)
    (disk,) = judge_mounted(PurePosixPath("/data/a.gguf"), "the model", DISK, entries, USER)
    (share,) = judge_mounted(PurePosixPath("/mnt/share/a.gguf"), "the model", DISK, entries, USER)
    assert disk.repair
    assert disk.repair.steps == (RunProgram(argv=("mount", "/data"), undo=("umount", "/data")),)
    assert share.repair is None
    assert share.hint == "Run `sudo mount /mnt/share`."
