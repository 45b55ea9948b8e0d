"""What the disks of a stack must offer before anything is written there."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from stackctl.commands import adopt
from stackctl.commands.deploy import Options, deploy
from stackctl.commands.lifecycle import start
from stackctl.contracts.host import Owner, Permissions
from stackctl.effects.storage.disk import Disk, Trees
from stackctl.errors import DataError
from stackctl.machine import Machine
from tests.commands.engines import staged
from tests.commands.folders import native
from tests.core.samples import a_plan

QUICK = Options(prove=False, timeout_s=20)
IMAGES = dict.fromkeys((service.image for service in a_plan().services), "sha256:1")
VERBS: dict[str, Callable[[Machine], object]] = {
    "deploy": lambda machine: deploy(machine, {}, QUICK),
    "start": lambda machine: start(machine, None, again=False, timeout_s=20),
    "restart": lambda machine: start(machine, None, again=True, timeout_s=20),
}
REFUSES = Permissions(are_refused=True, file_system="cifs")
DROPS = Permissions(mode=0o777, file_system="drvfs")


class Foreign(Trees):
    """Disks of which each is its own, one below each of these folders."""

    def __init__(self, kinds: dict[Path, Permissions]) -> None:
        self.kinds = kinds

    def permissions(self, folder: Path, owner: Owner) -> Permissions:
        del owner
        return self.kinds.get(folder, Permissions())

    def disk(self, folder: Path) -> int:
        return list(self.kinds).index(folder) if folder in self.kinds else -1


class Mounted(Trees):
    """A share for the chats that is mounted, or not."""

    def __init__(self, share: Path) -> None:
        self.share, self.is_there, self.can_write = share, True, True

    def mount_point(self, folder: Path) -> str:
        return str(self.share) if self.is_there and folder.is_relative_to(self.share) else "/"

    def is_read_only(self, folder: Path) -> bool:
        del folder
        return not self.can_write


def on_disks(folder: Path, kinds: dict[Path, Permissions]) -> tuple[Machine, io.StringIO]:
    here = staged(folder, published=IMAGES)
    assert isinstance(here.machine.storage, Disk)
    here.machine.storage.trees = Foreign(kinds)
    return here.machine, here.said


def test_a_disk_that_refuses_permissions_is_named_before_anything_is_written_with_what_may_lie_there(
    tmp_path: Path,
) -> None:
    machine, _ = on_disks(tmp_path, {tmp_path: REFUSES})
    with pytest.raises(DataError) as caught:
        deploy(machine, {"model.path": "demo"}, QUICK)
    says = f"the file system of {tmp_path} (cifs) refuses to set owners and permissions, so the API key can't lie there"
    assert caught.value.message == says
    assert caught.value.hint.startswith("Put the stack's folder on a disk of this machine")
    assert caught.value.hint.endswith("Models may stay where they are.")
    assert [one.name for one in tmp_path.iterdir()] == [".stackctl"]


def test_so_is_one_for_the_chats_with_the_key_that_names_another(tmp_path: Path) -> None:
    (tmp_path / "chat").mkdir()
    machine, _ = on_disks(tmp_path / "chat", {tmp_path / "nas": REFUSES})
    with pytest.raises(DataError, match="chats and passwords can't lie there") as caught:
        deploy(machine, {"model.path": "demo", "sillytavern.data": str(tmp_path / "nas")}, QUICK)
    assert caught.value.hint.startswith("Set sillytavern.data in stack.toml to a folder on a disk of this machine")


def test_nothing_is_adopted_to_such_a_disk(tmp_path: Path) -> None:
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "stack.toml").write_text(f'[sillytavern]\ndata = "{tmp_path}/nas"\n')
    machine, _ = on_disks(tmp_path / "chat", {tmp_path / "nas": REFUSES})
    found = adopt.prepare(machine, native(tmp_path / "st"))
    with pytest.raises(DataError, match="chats and passwords can't lie there"):
        adopt.adopt(machine, found)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["chat", "st"]


def test_where_permissions_are_dropped_without_a_word_the_deploy_says_who_can_read_the_key(tmp_path: Path) -> None:
    machine, said = on_disks(tmp_path, {tmp_path: DROPS})
    deploy(machine, {"model.path": "demo"}, QUICK)
    says = f"the file system of {tmp_path} (drvfs) keeps no permissions: every user of this machine who can open it"
    assert f"note: {says} can read the API key (mode 0777)" in said.getvalue()


@pytest.fixture
def on_share(tmp_path: Path) -> tuple[Machine, Mounted, io.StringIO]:
    """A stack that was deployed with its chats on a share."""
    (tmp_path / "chat").mkdir()
    machine, said = on_disks(tmp_path / "chat", {})
    assert isinstance(machine.storage, Disk)
    machine.storage.trees = trees = Mounted(tmp_path / "nas")
    deploy(machine, {"model.path": "demo", "sillytavern.data": str(tmp_path / "nas/st")}, QUICK)
    return machine, trees, said


def lose(trees: Mounted) -> None:
    """Take the share away: what is left is the empty folder that it was mounted on."""
    trees.is_there = False
    trees.share.rename(trees.share.with_name("behind"))
    trees.share.mkdir()


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_starts_on_the_empty_folder_where_the_chats_disk_was_mounted(
    on_share: tuple[Machine, Mounted, io.StringIO], verb: str
) -> None:
    machine, trees, _ = on_share
    lose(trees)
    with pytest.raises(DataError) as caught:
        VERBS[verb](machine)
    assert caught.value.message.startswith(f"the chats lie on a disk or share at {trees.share}, which is not mounted")
    assert caught.value.hint.startswith(f"Mount it with `mount {trees.share}`, then run this again.")
    assert list(trees.share.iterdir()) == []


def test_chats_that_were_moved_here_from_a_share_are_no_lost_ones(
    on_share: tuple[Machine, Mounted, io.StringIO],
) -> None:
    machine, trees, _ = on_share
    trees.is_there = False
    deploy(machine, {}, QUICK)
    lose(trees)  # from now on they belong to the machine's own disk
    deploy(machine, {}, QUICK)


def test_a_start_on_a_read_only_disk_says_that_no_chat_is_saved(
    on_share: tuple[Machine, Mounted, io.StringIO],
) -> None:
    machine, trees, said = on_share
    trees.can_write = False
    start(machine, None, again=False, timeout_s=20)
    assert f"note: {trees.share}/st is on a read-only disk: SillyTavern can't save chats there" in said.getvalue()
