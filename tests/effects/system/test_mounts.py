"""The mount that holds a path, from the kernel's list."""

from pathlib import Path

import pytest

from stackctl.effects.system.mounts import Mounted, mount_of

# fields: https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
LIST = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid shared:5 - proc proc rw
60 22 8:17 / /data rw - xfs /dev/sdb1 rw
61 60 0:50 / /data/nas\\040two rw,relatime - nfs4 nas:/models\\040x rw,vers=4.2,hard
62 22 8:33 / /old ro,relatime shared:9 master:2 - ext4 /dev/sdc1 ro
63 22 8:49 / /data rw - btrfs /dev/sdd1 rw,subvol=/
64 22 0:60 / /full rw shared:7 - tmpfs
damaged line
"""


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(LIST)
    return path


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("/home/ann", Mounted(point="/", kind="ext4", source="/dev/sda1", device="8:1")),
        (
            "/data/a.gguf",
            Mounted(point="/data", kind="btrfs", source="/dev/sdd1", device="8:49"),
        ),  # the last one hides the first
        ("/data/nas two/a.gguf", Mounted(point="/data/nas two", kind="nfs4", source="nas:/models x", device="0:50")),
        ("/database", Mounted(point="/", kind="ext4", source="/dev/sda1", device="8:1")),
        ("/old/x", Mounted(point="/old", kind="ext4", source="/dev/sdc1", device="8:33", is_read_only=True)),
        ("/full/x", Mounted(point="/", kind="ext4", source="/dev/sda1", device="8:1")),  # a line that is cut short
    ],
)
def test_the_nearest_mount_holds_a_path(listed: Path, place: str, found: Mounted) -> None:
    assert mount_of(Path(place), listed) == found


def test_a_link_leads_to_the_mount_of_its_target(listed: Path, tmp_path: Path) -> None:
    link = tmp_path / "models"
    link.symlink_to("/data/nas two")
    found = mount_of(link / "a.gguf", listed)
    assert found
    assert found.kind == "nfs4"


def test_without_a_list_nothing_is_known(tmp_path: Path) -> None:
    assert mount_of(Path("/"), tmp_path / "none") is None


def test_links_in_a_circle_are_no_error(listed: Path, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    mount_of(tmp_path / "a", listed)
