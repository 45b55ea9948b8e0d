"""A new file is complete, for its user alone, and never takes another's place."""

import stat
from pathlib import Path

import pytest

from stackctl.effects.storage import write_new
from stackctl.errors import DataError


def test_a_new_file_is_for_its_user_alone_and_nothing_else_stays(tmp_path: Path) -> None:
    write_new(tmp_path / "a", b"content")
    assert (tmp_path / "a").read_bytes() == b"content"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("is_link", [False, True])
def test_what_is_there_stays_even_a_link_that_leads_nowhere(tmp_path: Path, *, is_link: bool) -> None:
    if is_link:
        (tmp_path / "a").symlink_to(tmp_path / "nowhere")
    else:
        (tmp_path / "a").write_bytes(b"before")
    with pytest.raises(DataError, match="is there already"):
        write_new(tmp_path / "a", b"content")
    assert [one.name for one in tmp_path.iterdir()] == ["a"]
    assert is_link or (tmp_path / "a").read_bytes() == b"before"


def test_a_folder_that_is_not_there_is_an_expected_failure(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        write_new(tmp_path / "none" / "a", b"content")
