"""A new file: whole or not there, though its writer is killed; a copy has the holes of what it was copied from."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stackctl.contracts.host import Owner
from stackctl.effects.storage.folder import Folder
from stackctl.effects.storage.new_file import beside

OWNER = Owner(uid=os.getuid(), gid=os.getgid())
KILLED = """
import os, signal, sys
from stackctl.effects.storage.new_file import beside
folder = os.open(sys.argv[1], os.O_RDONLY)
with beside("chat.jsonl", folder) as stream:
    stream.write(b"half of it")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)


def test_of_a_writer_that_is_killed_nothing_stays(tmp_path: Path) -> None:
    (tmp_path / "chat.jsonl").write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"chat.jsonl": "old"}


def test_what_one_left_where_files_have_names_goes_with_the_next_one_alone_where_nobody_writes_it(
    tmp_path: Path,
) -> None:
    names = [".chat.jsonl.999999999.new", f".chat.jsonl.{os.getpid()}.new", ".other.jsonl.999999999.new", "x.new"]
    for name in names:
        (tmp_path / name).write_text("x")

    def nameless(_folder: int) -> int | None:
        return None

    folder = opened(tmp_path)
    with beside("chat.jsonl", folder, nameless=nameless) as stream:
        stream.write(b"new")
        assert (tmp_path / names[1]).stat().st_size == 0  # our own
    os.close(folder)
    assert {path.name for path in tmp_path.iterdir()} == {"chat.jsonl", *names[2:]}


def test_a_new_file_is_for_nobody_but_us_and_what_fails_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    folder, modes = opened(tmp_path), []

    def fail() -> None:
        with beside("a", folder) as stream:
            modes.append(os.fstat(stream.fileno()).st_mode & 0o777)
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        fail()
    os.close(folder)
    assert modes == [0o600]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old"}


def sparse(path: Path, pieces: dict[int, bytes], size: int) -> Path:
    with path.open("wb") as stream:
        for at, piece in pieces.items():
            stream.seek(at)
            stream.write(piece)
        stream.truncate(size)
    return path


@pytest.mark.parametrize(
    ("pieces", "size"),
    [
        ({}, 0),
        ({}, 64 << 20),
        ({0: b"a" * 4096}, 64 << 20),
        ({32 << 20: b"b" * 5000}, (32 << 20) + 5000),
        ({0: b"a", 8 << 20: b"b" * (3 << 20), 40 << 20: b"c"}, 48 << 20),
        ({0: b"whole" * 1000}, 5000),
    ],
)
def test_a_copy_keeps_the_holes_of_a_file(tmp_path: Path, pieces: dict[int, bytes], size: int) -> None:
    source = sparse(tmp_path / "source", pieces, size)
    with source.open("rb") as stream:
        said = Folder(tmp_path / "to", OWNER).receive("copy", stream.fileno(), is_synced=True)
    copy = tmp_path / "to/copy"
    assert copy.stat().st_size == size
    assert said == hashlib.sha256(source.read_bytes()).hexdigest() == hashlib.sha256(copy.read_bytes()).hexdigest()
    assert copy.stat().st_blocks <= source.stat().st_blocks + 16


def test_a_file_takes_another_s_place_as_the_same_file_with_its_mode(tmp_path: Path) -> None:
    folder = Folder(tmp_path, OWNER)
    folder.write("before/plan.json", "former", mode=0o600)
    folder.write("plan.json", "new")
    number = (tmp_path / "before/plan.json").stat().st_ino
    folder.move("before/plan.json", "plan.json")
    found = (tmp_path / "plan.json").stat()
    assert ((tmp_path / "plan.json").read_text(), found.st_ino, found.st_mode & 0o777) == ("former", number, 0o600)
    assert list((tmp_path / "before").iterdir()) == []
