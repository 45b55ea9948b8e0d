"""An archive is whole or not there, the same for the same files, and holds what lies there and nothing else."""

import os
import stat
import tarfile
from pathlib import Path

import pytest

from stackctl.contracts.host import Owner
from stackctl.effects.storage import tree
from stackctl.effects.storage.archive import pack
from stackctl.effects.storage.opening import Reach, links_for
from stackctl.effects.storage.tree import Tree
from stackctl.errors import DataError

ME = Owner(uid=os.geteuid(), gid=os.getegid())
SOMEBODY = Owner(uid=4321, gid=4322) if os.geteuid() == 0 else ME


def a_folder(folder: Path) -> Path:
    """A folder with a private file, an empty folder and a link that leads out of it."""
    data = folder / "data"
    (data / "empty").mkdir(parents=True)
    (data / "empty").chmod(0o700)
    (data / "chat.jsonl").write_text("hello\n")
    (data / "chat.jsonl").chmod(0o600)
    os.utime(data / "chat.jsonl", (1_700_000_000, 1_700_000_000))
    os.chown(data / "chat.jsonl", SOMEBODY.uid, SOMEBODY.gid)
    (data / "link").symlink_to("/etc/passwd")
    return data


def walked(data: Path) -> Tree:
    return tree.walk(data, "data", within=data, reach=Reach(follow=links_for(ME), closed=data))


def test_owners_modes_and_times_are_kept_and_no_link_is_followed(tmp_path: Path) -> None:
    target = tmp_path / "out.tar"
    pack(target, "chat", [walked(a_folder(tmp_path))], {"compose.yml": "services: {}\n"}, SOMEBODY)
    with tarfile.open(target) as tar:
        found = {one.name: one for one in tar}
        assert list(found) == ["chat", "chat/compose.yml", "chat/data", "chat/data/chat.jsonl", "chat/data/empty"]
        chat = found["chat/data/chat.jsonl"]
        assert (chat.uid, chat.gid, chat.uname, chat.gname) == (SOMEBODY.uid, SOMEBODY.gid, "", "")
        assert (chat.mode, chat.mtime, found["chat/data/empty"].mode) == (0o600, 1_700_000_000, 0o700)
        assert (found["chat"].uid, found["chat/compose.yml"].uid) == (SOMEBODY.uid, SOMEBODY.uid)
        content = tar.extractfile("chat/data/chat.jsonl")
        assert content is not None
        assert content.read() == b"hello\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    data = a_folder(tmp_path)
    for name in ("one.tar", "two.tar"):
        (data / "passing").touch()
        (data / "passing").unlink()  # leaves another time on the folder
        pack(tmp_path / name, "chat", [walked(data)], {"a": "b"}, ME)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_a_file_that_goes_away_leaves_the_former_archive_as_it_was(tmp_path: Path) -> None:
    data, target = a_folder(tmp_path), tmp_path / "out.tar"
    target.write_text("former")
    there = walked(data)
    (data / "chat.jsonl").unlink()
    with pytest.raises(DataError, match=r"chat\.jsonl"):
        pack(target, "chat", [there], {}, ME)
    assert target.read_text() == "former"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out.tar"]
