"""Paths opened step by step, in real folders where links, pipes and endless files are planted."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stackctl.contracts.host import Owner
from stackctl.effects.storage import Folder, overwrite, private_text, tree
from stackctl.effects.storage.opening import READ, Reach, links_for, opened
from stackctl.errors import DataError

ME = Owner(uid=os.geteuid(), gid=os.getegid())
ALICE = Owner(uid=4321, gid=4322) if os.geteuid() == 0 else ME  # somebody whose folder root works in
AS_ROOT = Reach(follow=links_for(ALICE, is_root=True))


def mine(folder: Path) -> Folder:
    """A folder in which a container writes below data/."""
    (folder / "data/user").mkdir(parents=True)
    return Folder(folder, ME, shared="data")


def of_alice(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, ALICE.uid, ALICE.gid, follow_symlinks=False)


def plant(link: Path, target: Path) -> None:
    """A link that alice made."""
    link.symlink_to(target)
    of_alice(link)


def read(path: Path, reach: Reach) -> bytes:
    with opened(path, READ, reach) as descriptor:
        return os.read(descriptor, 100)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(path))


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 40 << 30)


def a_link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


PLANTED = [a_pipe, a_socket, endless, sparse, a_link_to_a_pipe, Path.mkdir]


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_in_a_file_s_place_is_neither_waited_for_nor_read(
    tmp_path: Path, planted: Callable[[Path], None]
) -> None:
    folder = mine(tmp_path)
    planted(tmp_path / "data/user/settings.json")
    with pytest.raises(DataError, match=r"settings\.json") as caught:
        folder.read("data/user/settings.json")
    assert caught.value.hint


@pytest.mark.parametrize("planted", [a_pipe, a_socket, endless, sparse, a_link_to_a_pipe])
def test_what_is_planted_in_a_file_s_place_is_replaced_by_what_is_written(
    tmp_path: Path, planted: Callable[[Path], None]
) -> None:
    folder = mine(tmp_path)
    planted(tmp_path / "data/user/settings.json")
    assert folder.write("data/user/settings.json", "ours")
    assert (tmp_path / "data/user/settings.json").read_text() == "ours"
    assert not (tmp_path / "data/user/settings.json").is_symlink()


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="larger"):
        Folder(Path("/proc"), ME).read("self/maps", most=100)  # the kernel tells no size of it
    assert Folder(tmp_path, ME).read("none") is None


@pytest.mark.parametrize("step", ["data/user", "data/user/settings.json"])
def test_below_the_shared_folder_no_link_is_followed_whoever_made_it(tmp_path: Path, step: str) -> None:
    (tmp_path / "secret/user").mkdir(parents=True)
    (tmp_path / "secret/settings.json").write_text("of the host")
    folder = mine(tmp_path / "stack")
    place = tmp_path / "stack" / step
    if place.is_dir():
        place.rmdir()
    place.symlink_to(tmp_path / "secret" / ("" if place.name == "user" else "settings.json"))
    with pytest.raises(DataError, match="is a link, which is not followed here"):
        folder.read("data/user/settings.json")
    if place.name == "user":
        for act in (
            lambda: folder.write("data/user/settings.json", "ours"),
            lambda: folder.set_aside("data/user/settings.json"),
            lambda: folder.remove("data/user/settings.json"),
            lambda: folder.move("mine", "data/user/settings.json"),
            lambda: folder.move("data/user/settings.json", "mine"),
            lambda: folder.make("data/user/new"),
            lambda: folder.owner_id("data/user"),
        ):
            with pytest.raises(DataError, match="is a link"):
                act()
    assert (tmp_path / "secret/settings.json").read_text() == "of the host"
    assert sorted(path.name for path in (tmp_path / "secret").iterdir()) == ["settings.json", "user"]


def test_the_shared_folder_itself_may_be_a_link_and_nothing_leads_above_it(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to("disk")
    folder = Folder(tmp_path, ME, shared="data")
    folder.write("data/user/settings.json", "ours")
    assert (tmp_path / "disk/user/settings.json").read_text() == "ours"
    with pytest.raises(DataError, match="leads out of"):
        folder.read("data/../outside")


def test_a_folder_is_never_made_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "stack").symlink_to(tmp_path / "not there")
    with pytest.raises(DataError, match="can't be written: No such file"):
        Folder(tmp_path, ME).write("stack/file", "text")
    assert not (tmp_path / "not there").exists()


@contextmanager
def flipping(one: Path, other: Path) -> Iterator[None]:
    """Two names exchanged again and again by somebody else."""
    ended = threading.Event()

    def flip() -> None:
        while not ended.is_set():
            tree.at_once(one, other)

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("is_folder", [True, False])
def test_no_race_makes_a_link_pass(tmp_path: Path, is_folder: bool) -> None:
    folder = mine(tmp_path)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/settings.json").write_text("of the host")
    (tmp_path / "data/user/settings.json").write_text("theirs")
    place = tmp_path / "data/user" if is_folder else tmp_path / "data/user/settings.json"
    (tmp_path / "data/link").symlink_to(tmp_path / "secret" / ("" if is_folder else "settings.json"))
    told: set[object] = set()
    with flipping(place, tmp_path / "data/link"):
        for _ in range(3000):
            try:
                told.add(folder.read("data/user/settings.json"))
            except DataError:
                told.add("refused")
    assert told == {"theirs", "refused"}


# -- root in somebody else's folder


def test_root_follows_a_link_that_root_made_or_whose_target_is_the_owner_s(tmp_path: Path) -> None:
    (tmp_path / "hers").write_text("x")
    of_alice(tmp_path / "hers")
    plant(tmp_path / "link", Path("hers"))
    assert read(tmp_path / "link", AS_ROOT) == b"x"
    assert read(Path("/proc/self/status"), AS_ROOT).startswith(b"Name:")  # the kernel's own link is root's


def test_root_follows_no_other_link_in_any_place_of_a_path(tmp_path: Path) -> None:
    plant(tmp_path / "etc", Path("/etc"))
    plant(tmp_path / "file", Path("/etc/os-release"))
    plant(tmp_path / "twice", Path("file"))
    plant(tmp_path / "up", Path("../" * 20 + "etc/os-release"))
    for name in ("etc/os-release", "file", "twice", "up"):
        with pytest.raises(DataError, match=f"is a link that user {ALICE.uid} made: root does not follow it") as caught:
            read(tmp_path / name, AS_ROOT)
        assert str(ALICE.uid) in caught.value.hint


def test_in_root_s_own_folder_only_root_s_links_count() -> None:
    as_root = links_for(Owner(uid=0, gid=0), is_root=True)
    of_root, of_user = Path("/").stat(), os.stat_result((0o120777, 0, 0, 1, 4321, 4321, 0, 0, 0, 0))
    assert as_root(of_root, of_user)
    assert not as_root(of_user, of_root)
    assert not as_root(of_user, of_user)


def test_who_is_not_root_follows_every_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/os-release")
    assert b"=" in read(tmp_path / "link", Reach(follow=links_for(ALICE, is_root=False)))


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / one).symlink_to(other)
    with pytest.raises(DataError, match="Too many levels of symbolic links"):
        Folder(tmp_path, ME).read("a")


def test_a_report_goes_through_the_users_own_link_and_to_the_standard_output(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("before, and longer")
    (tmp_path / "link").symlink_to("report")
    overwrite(tmp_path / "link", "now")
    assert (tmp_path / "report").read_text() == "now"
    overwrite(tmp_path / "new/report.xml", "<x/>")
    assert (tmp_path / "new/report.xml").stat().st_mode & 0o111 == 0
    overwrite(Path("/dev/null"), "x")


def test_a_key_file_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key", 0o600)
    with pytest.raises(DataError, match="is not a regular file"):
        private_text(tmp_path / "key")


def test_the_lock_s_file_is_never_one_that_has_another_name(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("text")
    (tmp_path / ".stackctl").mkdir()
    os.link(tmp_path / "precious", tmp_path / ".stackctl/lock")
    with Folder(tmp_path, ME).locked(lambda _: None):
        pass
    assert (tmp_path / "precious").read_text() == "text"


@pytest.mark.parametrize("planted", [a_pipe, a_socket, endless, Path.mkdir, lambda path: path.symlink_to("nothing")])
def test_what_has_the_lock_s_name_is_told_with_the_command_that_removes_it(
    tmp_path: Path, planted: Callable[[Path], None]
) -> None:
    lock = tmp_path / ".stackctl/lock"
    lock.parent.mkdir()
    planted(lock)
    says = "is a link, or is not a regular file"
    with pytest.raises(DataError, match=says) as caught, Folder(tmp_path, ME).locked(lambda _: None):
        pass
    assert caught.value.hint.startswith(f"Remove it with `rm -r {lock}`")


def test_descriptors_are_closed_whatever_happens(tmp_path: Path) -> None:
    folder = mine(tmp_path)
    (tmp_path / "data/link").symlink_to("user")
    (tmp_path / "data/user/file").write_text("x")
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for name in ("data/link/file", "data/user/file/below"):
        with pytest.raises(DataError):
            folder.read(name)
    assert (folder.read("data/user/file"), folder.read("data/none/file")) == ("x", None)
    folder.write("data/user/file", "y")
    folder.set_aside("data/user/file")
    assert len(list(descriptors.iterdir())) == before
