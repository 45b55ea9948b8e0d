"""Files of the system: written whole or not at all, after a copy, and only once their reader accepts them."""

import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from stackctl.effects.system import programs
from stackctl.errors import DataError


def write(place: Path, text: str = "new\n", *, validate: tuple[str, ...] = ()) -> PurePosixPath | None:
    return programs.write(PurePosixPath(place), text, needs_root=False, validate=validate).copy


@pytest.fixture
def place(tmp_path: Path) -> Path:
    found = tmp_path / "daemon.json"
    found.write_text("old\n")
    found.chmod(0o640)
    return found


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_the_former_file_is_kept_beside_the_new_one_with_its_mode(place: Path) -> None:
    copy = write(place)
    assert copy == PurePosixPath(f"{place}.before-stackctl-1")
    assert (place.read_text(), Path(copy).read_text()) == ("new\n", "old\n")
    assert (place.stat().st_mode & 0o777, Path(copy).stat().st_mode & 0o777) == (0o640, 0o640)
    assert write(place, "newer\n") == PurePosixPath(f"{place}.before-stackctl-2")
    assert Path(copy).read_text() == "old\n"


def test_moving_the_copy_back_restores_the_former_file_byte_for_byte(place: Path) -> None:
    before = place.stat()
    copy = write(place)
    assert copy
    Path(copy).rename(place)
    assert (place.read_bytes(), place.stat().st_mode, place.stat().st_mtime) == (
        b"old\n",
        before.st_mode,
        before.st_mtime,
    )
    assert names(place.parent) == ["daemon.json"]


def test_a_new_file_has_no_copy_and_others_may_read_it(tmp_path: Path) -> None:
    place = tmp_path / "new folder" / "daemon.json"
    assert write(place) is None
    assert (place.read_text(), place.stat().st_mode & 0o777) == ("new\n", 0o644)


def test_the_reader_sees_the_new_text_first_and_its_refusal_changes_nothing(place: Path) -> None:
    sees_new = ("grep", "-q", "new", "{}")
    assert write(place, validate=sees_new)
    with pytest.raises(DataError, match="was not written") as caught:
        write(place, "other\n", validate=("sh", "-c", 'echo "unknown directive" >&2; exit 1', "{}"))
    assert "unknown directive" in caught.value.message
    assert place.read_text() == "new\n"
    assert names(place.parent) == ["daemon.json", "daemon.json.before-stackctl-1"]


def test_a_link_stays_a_link_to_the_file_that_is_written(place: Path) -> None:
    link = place.with_name("link.json")
    link.symlink_to(place)
    written = programs.write(PurePosixPath(link), "new\n", needs_root=False)
    assert (written.path, link.is_symlink(), place.read_text()) == (PurePosixPath(place), True, "new\n")


def test_a_file_that_can_not_be_written_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="was not written") as caught:
        write(tmp_path / "file" / "daemon.json")
    assert "ls -ld" in caught.value.hint
    assert names(tmp_path) == ["file"]


def test_an_interruption_leaves_the_former_file_and_no_incomplete_one(place: Path, tmp_path: Path) -> None:
    (folder := tmp_path / "bin").mkdir()
    (folder / "mv").write_text("#!/bin/sh\nkill -INT $PPID; sleep 5\n")  # as Ctrl-C in the last step
    (folder / "mv").chmod(0o755)
    script = (
        "from stackctl.effects.system.programs import write; from pathlib import PurePosixPath; "
        f"write(PurePosixPath({str(place)!r}), 'new', needs_root=False)"
    )
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(
        (sys.executable, "-c", script), env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert "KeyboardInterrupt" in done.stderr
    assert place.read_text() == "old\n"
    assert names(place.parent) == ["bin", "daemon.json", "daemon.json.before-stackctl-1"]


def test_a_program_that_leaves_a_daemon_behind_is_not_waited_for() -> None:
    done = programs.run(("sh", "-c", "sleep 60 & echo $!; echo words >&2"), needs_root=False)
    os.kill(int(done.out), 9)
    assert (done.code, done.err) == (0, "words\n")


@pytest.mark.parametrize("argv", [("false",), ("/does/not/exist",)])
def test_a_program_that_fails_or_is_missing_has_a_code(argv: tuple[str, ...]) -> None:
    assert programs.run(argv, needs_root=False).code in {1, -1}
