"""File systems: which one a folder is on, and what it makes of owners and permissions."""

import errno
import os
from pathlib import Path

import pytest

from stackctl.contracts.host import Owner, Permissions
from stackctl.effects.storage.file_systems import file_system, foreign_system, is_read_only, mount_point, permissions
from stackctl.errors import DataError

ME = Owner(uid=os.getuid(), gid=os.getgid())


@pytest.mark.parametrize(
    ("folder", "kind", "is_foreign"),
    [
        ("/mnt/c/Users/me/SillyTavern", "9p", True),
        ("/mnt/my nas/st", "cifs", True),
        ("/home/me/st", "ext4", False),
        ("/mnt/cold", "ext4", False),
    ],
)
def test_windows_and_network_drives_are_known(tmp_path: Path, folder: str, kind: str, *, is_foreign: bool) -> None:
    table = tmp_path / "mounts"
    table.write_text("/dev/sda / ext4 rw 0 0\nC:\\ /mnt/c 9p rw 0 0\n//nas/x /mnt/my\\040nas cifs rw 0 0\n")
    assert file_system(Path(folder), table) == kind
    assert foreign_system(Path(folder), table) == (kind if is_foreign else "")
    assert file_system(Path(folder), tmp_path / "none") == ""


def test_the_place_where_a_disk_is_mounted_is_found_through_links(tmp_path: Path) -> None:
    (tmp_path / "nas").mkdir()
    (tmp_path / "data").symlink_to("nas")
    table = tmp_path / "mounts"
    table.write_text(f"/dev/sda / ext4 rw 0 0\nnas:/x {tmp_path.resolve()}/nas nfs4 rw 0 0\n")
    assert mount_point(tmp_path / "data" / "chats", table) == f"{tmp_path.resolve()}/nas"
    assert mount_point(tmp_path, table) == "/"
    assert not is_read_only(tmp_path / "not there yet")


def refuse(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def test_this_machines_own_file_systems_keep_a_secret_and_nothing_is_left_of_the_trial(tmp_path: Path) -> None:
    found = permissions(tmp_path / "not" / "there yet", ME)
    assert (found.are_refused, found.mode, found.are_kept) == (False, 0o600, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EINVAL])
def test_a_refused_chmod_is_seen(tmp_path: Path, number: int) -> None:
    def chmod(file: int, mode: int) -> None:
        del file, mode
        raise refuse(number)

    assert permissions(tmp_path, ME, chmod=chmod).are_refused
    assert list(tmp_path.iterdir()) == []


def test_a_chmod_that_does_nothing_is_seen(tmp_path: Path) -> None:
    found = permissions(tmp_path, ME, chmod=lambda file, _: os.fchmod(file, 0o777))
    assert (found.are_refused, found.mode, found.are_kept) == (False, 0o777, False)


def test_where_no_file_can_be_made_nothing_is_said_here(tmp_path: Path) -> None:
    there = tmp_path / f".stackctl-tries.{os.getpid()}"
    there.touch()
    assert permissions(tmp_path, ME) == Permissions()
    assert there.exists()


def test_a_disk_that_breaks_meanwhile_is_told(tmp_path: Path) -> None:
    def chmod(file: int, mode: int) -> None:
        del file, mode
        raise refuse(errno.EIO)

    with pytest.raises(DataError, match="can't be written: Input/output error"):
        permissions(tmp_path, ME, chmod=chmod)
