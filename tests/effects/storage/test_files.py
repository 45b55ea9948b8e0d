"""Secrets in the deployment's folder: readable for one user alone, or shut in where we may not give a file away."""

import os
import pwd
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stackctl.contracts.host import Owner
from stackctl.effects.storage import Folder, data_home, locate, owner_of, private_text
from stackctl.errors import ConfigError, DataError
from stackctl.secret import Secret

SECRET = Secret("text")
ME = Owner(uid=os.geteuid(), gid=os.getegid())


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_belongs_to_its_reader_where_we_may_give_it_away(tmp_path: Path) -> None:
    reader = Owner(uid=4321, gid=4322) if os.geteuid() == 0 else ME
    assert Folder(tmp_path, owner_of(tmp_path)).write_secret("backend/key", SECRET, reader=reader)
    found = (tmp_path / "backend/key").stat()
    assert (found.st_uid, found.st_gid, mode(tmp_path / "backend/key")) == (reader.uid, reader.gid, 0o400)
    assert mode(tmp_path / "backend") == 0o700
    assert not Folder(tmp_path, owner_of(tmp_path)).write_secret("backend/key", SECRET, reader=reader)


def test_a_secret_follows_a_change_of_its_reader(tmp_path: Path) -> None:
    folder = Folder(tmp_path, owner_of(tmp_path))
    readers = [Owner(uid=4321, gid=4321), Owner(uid=4322, gid=4322)] if os.geteuid() == 0 else [ME]
    for reader in readers:
        assert folder.write_secret("backend/key", SECRET, reader=reader)
        assert (tmp_path / "backend/key").stat().st_uid == reader.uid


def test_for_another_user_it_is_readable_but_shut_in_where_we_may_not_give_it_away(open_folder: Path) -> None:
    nobody = os.geteuid() == 0
    place = open_folder / "stack"
    place.mkdir()
    if nobody:
        os.chown(place, 65534, 65534)
    script = (
        "import os; from pathlib import Path; from stackctl.secret import Secret\n"
        "from stackctl.contracts.host import Owner; from stackctl.effects.storage import Folder\n"
        "me = Owner(uid=os.geteuid(), gid=os.getegid()); folder = Folder(Path(), me)\n"
        "assert folder.write_secret('backend/key', Secret('text'), reader=me)\n"  # until the model was another user's
        "assert folder.write_secret('backend/key', Secret('text'), reader=Owner(uid=me.uid + 1, gid=1))\n"
        "assert not folder.write_secret('backend/key', Secret('text'), reader=Owner(uid=me.uid + 1, gid=1))\n"
    )
    # loaded before the user changes: the interpreter's own folders may be closed to that one
    before = "import os, sys; os.chdir(sys.argv[1]); import stackctl.effects.storage\n"
    change = "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n" if nobody else ""
    done = subprocess.run(
        [sys.executable, "-c", before + change + script, str(place)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert mode(place / "backend/key") == 0o444
    assert mode(place / "backend") == 0o700
    assert (place / "backend/key").read_text() == "text"


def test_a_secret_is_never_open_even_while_it_is_written(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Folder(tmp_path, owner_of(tmp_path)).write("key", "text", mode=0o600)
        Folder(tmp_path, owner_of(tmp_path)).write("plain", "text")
    finally:
        os.umask(before)
    assert (mode(tmp_path / "key"), mode(tmp_path / "plain")) == (0o600, 0o644)


def test_what_somebody_planted_where_a_file_is_written_is_neither_followed_nor_kept(tmp_path: Path) -> None:
    theirs, planted = tmp_path / "theirs", tmp_path / f".settings.json.{os.getpid()}.new"
    theirs.write_text("precious")
    planted.symlink_to(theirs)
    Folder(tmp_path, owner_of(tmp_path)).write("settings.json", "ours")
    assert (theirs.read_text(), (tmp_path / "settings.json").read_text()) == ("precious", "ours")
    assert not (tmp_path / "settings.json").is_symlink()
    assert not planted.is_symlink()


def test_under_sudo_roots_folder_is_the_callers_and_so_is_what_stacks_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = pwd.getpwnam("daemon")
    is_root = os.geteuid() == 0
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    for key, value in (("SUDO_UID", other.pw_uid), ("SUDO_GID", other.pw_gid), ("SUDO_USER", other.pw_name)):
        monkeypatch.setenv(key, str(value))
    assert owner_of(tmp_path) == (Owner(uid=other.pw_uid, gid=other.pw_gid) if is_root else ME)
    assert owner_of(tmp_path / "not" / "there") == owner_of(tmp_path)
    home = Path(other.pw_dir) if is_root else Path.home()
    assert data_home() == home / ".local/share/stackctl"
    if is_root:
        os.chown(tmp_path, 4321, 4322)  # a folder that is somebody's already stays so
        assert owner_of(tmp_path) == Owner(uid=4321, gid=4322)


def test_a_private_text_is_read_only_where_it_is_private(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sesame\n")
    for open_to_others in (0o644, 0o640, 0o604, 0o620):
        (tmp_path / "key").chmod(open_to_others)
        with pytest.raises(ConfigError, match="may be read by others") as caught:
            private_text(tmp_path / "key")
        assert caught.value.hint == f"Run `chmod 600 {tmp_path / 'key'}`."
    (tmp_path / "$(id)").write_text("sesame\n")
    (tmp_path / "$(id)").chmod(0o644)
    with pytest.raises(ConfigError) as caught:
        private_text(tmp_path / "$(id)")
    assert caught.value.hint == f"Run `chmod 600 '{tmp_path}/$(id)'`."
    (tmp_path / "key").chmod(0o400)
    assert private_text(tmp_path / "key") == "sesame\n"


def test_a_private_text_that_is_not_there_or_no_text_is_an_expected_failure(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read: No such file"):
        private_text(tmp_path / "key")
    (tmp_path / "key").write_bytes(b"\xff")
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(ConfigError, match="not UTF-8"):
        private_text(tmp_path / "key")


def test_a_path_is_a_home_s_or_counts_from_the_folder_and_what_is_none_is_said(tmp_path: Path) -> None:
    assert locate("a/b", tmp_path) == tmp_path / "a/b"
    assert locate("/a", tmp_path) == Path("/a")
    assert locate("~/a", tmp_path) == Path.home() / "a"
    for wanted, says in (("~nobodyx/a", "no such user"), ("a\0", "NUL"), ("\ud800", "half a character")):
        with pytest.raises(ConfigError, match=says) as caught:
            locate(wanted, tmp_path)
        assert caught.value.hint


def test_two_threads_that_write_one_file_do_not_meet(tmp_path: Path) -> None:
    folder, failed = Folder(tmp_path, ME), list[BaseException]()

    def write(content: str) -> None:
        try:
            for number in range(100):
                folder.write("file", f"{content}{number}")
        except BaseException as e:
            failed.append(e)
            raise

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failed == []
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_whole_file_takes_the_name_that_it_lies_beside_and_belongs_to_the_folders_owner(tmp_path: Path) -> None:
    owner = Owner(uid=4321, gid=4322) if os.geteuid() == 0 else ME
    (tmp_path / "model.part").write_text("whole")
    (tmp_path / "model").write_text("before")
    Folder(tmp_path, owner).put_in_place("model.part", "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model").read_text() == "whole"
    assert ((tmp_path / "model").stat().st_uid, (tmp_path / "model").stat().st_gid) == (owner.uid, owner.gid)


@pytest.mark.parametrize("plant", [lambda path: path.symlink_to("model"), Path.mkdir, os.mkfifo])
def test_what_is_no_file_takes_no_name(tmp_path: Path, plant: Callable[[Path], object]) -> None:
    (tmp_path / "model").write_text("before")
    plant(tmp_path / "model.part")
    with pytest.raises(DataError):
        Folder(tmp_path, ME).put_in_place("model.part", "model")
    assert (tmp_path / "model").read_text() == "before"
