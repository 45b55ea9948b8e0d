"""What the disks of a stack must offer before anything is written there."""

import io
from pathlib import Path

import pytest

from stackctl.commands.deploy import Options, deploy
from stackctl.contracts.host import Owner, Permissions
from stackctl.effects.storage.disk import Disk, Trees
from stackctl.errors import DataError
from stackctl.machine import Machine
from tests.commands.engines import staged
from tests.core.samples import a_plan

QUICK = Options(prove=False, timeout_s=20)
IMAGES = dict.fromkeys((service.image for service in a_plan().services), "sha256:1")
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
    says = f"the file system of {tmp_path} (cifs) refuses to set owners and permissions: the API key can't lie there"
    assert caught.value.message == says
    assert caught.value.hint.startswith("put the stack's folder on a disk of this machine")
    assert caught.value.hint.endswith("models may lie where they are")
    assert [one.name for one in tmp_path.iterdir()] == [".stackctl"]


def test_so_is_one_for_the_chats_with_the_key_that_names_another(tmp_path: Path) -> None:
    (tmp_path / "chat").mkdir()
    machine, _ = on_disks(tmp_path / "chat", {tmp_path / "nas": REFUSES})
    with pytest.raises(DataError, match="chats and passwords can't lie there") as caught:
        deploy(machine, {"model.path": "demo", "sillytavern.data": str(tmp_path / "nas")}, QUICK)
    assert caught.value.hint.startswith("let sillytavern.data in stack.toml name a folder on a disk of this machine")


def test_where_permissions_are_dropped_without_a_word_the_deploy_says_who_can_read_the_key(tmp_path: Path) -> None:
    machine, said = on_disks(tmp_path, {tmp_path: DROPS})
    deploy(machine, {"model.path": "demo"}, QUICK)
    says = f"the file system of {tmp_path} (drvfs) keeps no permissions: everybody on this machine who gets there"
    assert f"note: {says} can read the API key (mode 0777)" in said.getvalue()
