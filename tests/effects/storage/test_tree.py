"""Whole folders, really copied and exchanged."""

import os
from pathlib import Path

import pytest

from stackctl.contracts.host import Owner
from stackctl.effects.storage import Folder, tree
from stackctl.effects.storage.opening import Reach, links_for
from stackctl.errors import DataError, DoesNotFit

ME = Owner(uid=os.geteuid(), gid=os.getegid())
REACH = Reach(follow=links_for(ME))


def two(folder: Path) -> tuple[Path, Path]:
    one, other = folder / "one", folder / "other"
    for path in (one, other):
        path.mkdir()
        (path / "name").write_text(path.name)
    return one, other


def never(_one: Path, _other: Path) -> bool:
    return False


@pytest.mark.parametrize("way", [tree.at_once, never])
def test_two_folders_change_places(tmp_path: Path, way: object) -> None:
    one, other = two(tmp_path)
    tree.exchange(one, other, way)  # type: ignore[arg-type]
    assert [(path / "name").read_text() for path in (one, other)] == ["other", "one"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]


def test_where_the_second_can_not_be_put_the_first_stays(tmp_path: Path) -> None:
    _, other = two(tmp_path)
    for way in (tree.at_once, never):
        with pytest.raises(FileNotFoundError):
            tree.exchange(tmp_path / "gone", other, way)
        assert (other / "name").read_text() == "other"


def test_a_folder_is_put_and_what_was_there_is_kept_aside(tmp_path: Path) -> None:
    one, other = two(tmp_path)
    tree.put(one, other, tmp_path / "aside")
    assert (other / "name").read_text() == "one"
    assert (tmp_path / "aside/name").read_text() == "other"
    assert tree.take_away(other, tmp_path / "aside") == tmp_path / "aside"
    assert (other / "name").read_text() == "other"
    assert tree.take_away(other, None) == tmp_path / "other.kept-1"
    assert not other.exists()


def test_names_that_are_no_text_and_empty_folders_are_copied(tmp_path: Path) -> None:
    source = tmp_path / "from"
    (source / "empty").mkdir(parents=True)
    strange = os.fsdecode(b"caf\xe9.jsonl")
    (source / strange).write_bytes(b"x")
    found = tree.walk(source, "data", within=source, reach=REACH)
    sums = tree.copy((found,), tmp_path / "to", ME, lambda _: None)
    assert list(sums) == [f"data/{strange}"]
    assert (tmp_path / "to/data" / strange).read_bytes() == b"x"
    assert (tmp_path / "to/data/empty").is_dir()


def test_a_link_at_the_target_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("new")
    (tmp_path / "elsewhere").write_text("theirs")
    (tmp_path / "target").symlink_to(tmp_path / "elsewhere")
    leaf = tree.Leaf(source=tmp_path / "source", reach=REACH, target="target", size=3)
    tree.bring(leaf, Folder(tmp_path, ME), "target")
    assert (tmp_path / "elsewhere").read_text() == "theirs"
    assert not (tmp_path / "target").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found = tree.walk(tmp_path, "data", within=tmp_path, reach=REACH)
    assert found.lost == (tmp_path / "pipe",)
    assert found.files == ()


def test_a_copy_that_does_not_fit_is_refused_beforehand(tmp_path: Path) -> None:
    tree.refuse_full(tmp_path / "new", 1, "")
    with pytest.raises(DoesNotFit, match="are free at"):
        tree.refuse_full(tmp_path / "new", 1 << 60, "free some")


def test_a_failure_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from/gone").write_text("x")
    found = tree.walk(tmp_path / "from", "data", within=tmp_path, reach=REACH)
    (tmp_path / "from/gone").unlink()
    with pytest.raises(DataError, match="gone can't be") as caught:
        tree.copy((found,), tmp_path / "to", ME, lambda _: None)
    assert caught.value.hint
