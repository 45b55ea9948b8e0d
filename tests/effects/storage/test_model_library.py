"""The store's folder, where somebody planted pipes, links and records that mean harm."""

import json
import os
from pathlib import Path, PurePosixPath

import pytest

from stackctl.core.hub.source import RepoFile
from stackctl.core.hub.store import StoredModel, dump
from stackctl.effects.storage.model_library import Library
from stackctl.errors import DataError

PLACE = PurePosixPath("hf/owner/name/a.gguf")
KEPT = StoredModel(
    place=PLACE,
    source="hf:owner/name/a.gguf",
    commit="",
    licence="",
    pulled="2026-11-29",
    is_folder=False,
    files=(RepoFile(name="a.gguf", size=3, sha256="0" * 64),),
)
AS_ROOT = os.geteuid() == 0
OWNER, OTHER = (4321, 5555) if AS_ROOT else (os.geteuid(), os.geteuid())


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A store of somebody's, and beside it a folder of another one's with a file `a.gguf`."""
    for name, owner in (("models", OWNER), ("others", OTHER)):
        (tmp_path / name).mkdir()
        os.chown(tmp_path / name, owner, -1)
    (tmp_path / "others/a.gguf").write_text("abc")
    return Library(tmp_path / "models")


def planted(library: Library) -> Path:
    """The model's folder as a link of the store's owner to the other's."""
    place = library.path(KEPT.root)
    library.prepare(place, library.folder)
    place.symlink_to(library.folder.parent / "others")
    os.chown(place, OWNER, -1, follow_symlinks=False)
    return place


@pytest.mark.parametrize("plant", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_record_that_is_no_file_is_none_and_is_not_waited_for(library: Library, plant: object) -> None:
    assert callable(plant)
    library.note(KEPT)
    assert library.kept() == (KEPT,)
    library.path(KEPT.record).unlink()
    plant(library.path(KEPT.record))
    assert (library.at(PLACE), library.kept()) == (None, ())


@pytest.mark.parametrize("size", ["Infinity", "NaN", "1" + "0" * 4000, "1" + "0" * 5000, "-5", "true", "1.5", '"3"',
                                  "null", str(1 << 63)])  # fmt: skip
def test_a_record_of_a_size_that_no_file_has_is_none(library: Library, size: str) -> None:
    library.note(KEPT)
    library.path(KEPT.record).write_text(dump(KEPT).replace('"size": 3', f'"size": {size}'))
    assert library.at(PLACE) is None
    assert json.loads(dump(KEPT))["files"][0]["size"] == 3


def test_a_pipe_in_a_models_place_is_not_waited_for(library: Library) -> None:
    library.note(KEPT)
    os.mkfifo(library.path(PLACE))
    with pytest.raises(DataError, match="is not a regular file"):
        library.digest(library.path(PLACE), lambda _: None)


def test_a_link_of_the_owners_to_another_ones_folder_is_not_followed_by_root(library: Library) -> None:
    place = planted(library)
    if not AS_ROOT:  # one's own links are followed
        library.note(KEPT)
        assert library.at(PLACE) == KEPT
        return
    for act in (
        lambda: library.note(KEPT),
        lambda: library.prepare(place / "sub/a.gguf", place),
        lambda: library.remove(KEPT),
        lambda: library.digest(place / "a.gguf", lambda _: None),
    ):
        with pytest.raises(DataError, match="is a link that user 4321 made: root does not follow it"):
            act()
    assert [path.name for path in (library.folder.parent / "others").iterdir()] == ["a.gguf"]


def test_a_folder_outside_of_the_store_is_made_for_the_owner_of_the_one_that_was_named(
    library: Library, tmp_path: Path
) -> None:
    library.prepare(tmp_path / "others/new/sub/a.gguf", tmp_path / "others/new")
    assert (tmp_path / "others/new/sub").stat().st_uid == OTHER
    library.prepare(library.path(PLACE), tmp_path / "others")
    assert library.path(PLACE).parent.stat().st_uid == OWNER
