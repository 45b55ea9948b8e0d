"""The room on a disk, and the number of files that fit there."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from stackctl.contracts.engine import Leftovers
from stackctl.contracts.repair import RunProgram
from stackctl.contracts.system import DiskUse
from stackctl.core.doctor.room import Holds, Place, judge_room

DISK = DiskUse(
    total_mib=100_000, free_mib=50_000, inodes=6_000_000, free_inodes=5_000_000, file_system="ext4", mount_point="/"
)


def place(disk: Mapping[str, int], holds: Holds = "images", *, will_pull: bool = False) -> Place:
    changed = replace(DISK, **disk)  # type: ignore[arg-type]  # numbers alone
    return Place(path=PurePosixPath("/var/lib/docker"), holds=holds, disk=changed, will_pull=will_pull)


@pytest.mark.parametrize(
    ("disk", "will_pull", "issues"),
    [
        ({}, False, []),
        ({"free_mib": 1500}, False, []),
        ({"free_mib": 1500}, True, [("disk-low", "warning")]),
        ({"free_mib": 900}, False, [("disk-low", "warning")]),
        ({"free_mib": 150}, False, [("disk-full", "failure")]),
        ({"free_mib": 0}, False, [("disk-full", "failure")]),
        ({"free_inodes": 0}, False, [("inodes-used-up", "failure")]),
        ({"free_inodes": 9_000}, False, [("inodes-used-up", "warning")]),
        ({"free_inodes": 50_000}, True, [("inodes-used-up", "warning")]),
        ({"free_inodes": 50_000}, False, []),
        ({"inodes": 0, "free_inodes": 0}, False, []),  # Btrfs has no fixed number of them
        ({"free_mib": 0, "free_inodes": 0}, False, [("disk-full", "failure"), ("inodes-used-up", "failure")]),
        ({"total_mib": 512, "free_mib": 400}, False, []),  # a small disk of its own that is nearly empty
        ({"total_mib": 0, "free_mib": 0, "inodes": 0}, False, []),  # a file system that does not tell
        ({"free_mib": 0, "is_read_only": True}, False, []),  # as a squashfs is; that it is read-only is another issue
    ],
)
def test_a_disk_is_low_or_full(disk: dict[str, int], will_pull: bool, issues: list[tuple[str, str]]) -> None:
    found = judge_room(place(disk, will_pull=will_pull))
    assert [(one.issue, one.severity) for one in found] == issues


def test_a_full_disk_is_named_with_its_figures() -> None:
    (found,) = judge_room(place({"free_mib": 150}))
    assert found.says == "150 MiB of 97.7 GiB are free at /var/lib/docker, where the engine keeps images and containers"
    assert found.context == "/var/lib/docker"
    assert found.evidence == ("ext4 on /: 150 of 100000 MiB free, 5,000,000 of 6,000,000 inodes free",)
    assert "`docker system df`" in found.hint


def test_the_hint_for_another_disk_shows_what_takes_its_room() -> None:
    (found,) = judge_room(place({"free_mib": 150}, "stack"))
    assert "`du -xhd 2 /`" in found.hint
    assert found.repair is None


def test_images_that_no_name_leads_to_can_be_removed_one_by_one() -> None:
    left = Leftovers(ids=("sha256:aa", "sha256:bb"), mib=700)
    (found,) = judge_room(replace(place({"free_mib": 150}), leftovers=left))
    assert found.repair
    assert found.repair.does == "Remove 2 images that no container uses and that no name leads to (up to 700 MiB)."
    assert found.repair.steps == (
        RunProgram(argv=("docker", "image", "rm", "sha256:aa", "sha256:bb"), needs_root=False),
    )


def test_without_such_images_there_is_nothing_to_repair() -> None:
    (found,) = judge_room(place({"free_mib": 150}))
    assert found.repair is None
