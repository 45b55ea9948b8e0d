"""A disk that is full, or fills up on the way: what lies there is whole."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Stack
from tests.e2e.failing import files, hint, ids

pytestmark = pytest.mark.engine
WHOLE = {"stack.toml": "[limits]", ".gitignore": "*.kept-*", "compose.yml": "networks:", "stack.lock": '"rendered"'}


@contextlib.contextmanager
def small_disk(stack: Stack, options: str) -> Iterator[None]:
    """The stack's folder as a file system of its own in memory."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(stack.folder)], check=True)
    try:
        yield
    finally:
        stack.clean()
        subprocess.run(["umount", str(stack.folder)], check=True)


def assert_nothing_half_written(stack: Stack) -> None:
    for name in files(stack):
        assert ".new" not in name, name
        if name in WHOLE:
            assert WHOLE[name] in (stack.folder / name).read_text(), f"{name} is not whole"


def test_a_disk_without_room_is_said_before_anything_is_written(stack: Stack) -> None:
    with small_disk(stack, "size=1m"):
        said = stack.fails(6, "deploy", "--images", "own")
        assert f"MiB are free on the disk of {stack.folder}; " in said
        assert "Free some space: `docker system df`" in hint(said)
        assert files(stack) == []


def test_a_disk_that_fills_up_on_the_way_leaves_whole_files_only(stack: Stack) -> None:
    with small_disk(stack, "size=300m,nr_inodes=7"):  # room for some files, from our lock to stack.lock
        said = stack.fails(9, "deploy", "--images", "own")
        assert "can't be written: No space left on device" in said
        assert "Free some space" in hint(said)
        assert "Nothing is lost." in hint(said)
        assert_nothing_half_written(stack)
        assert ids(stack) == []
        subprocess.run(["mount", "-o", "remount,nr_inodes=0", str(stack.folder)], check=True)
        stack.run("render", "--images", "own")
        assert_nothing_half_written(stack)


@pytest.mark.chaos
def test_on_a_disk_that_filled_up_or_became_read_only_a_stack_still_stops_starts_and_goes_down(stack: Stack) -> None:
    with small_disk(stack, "size=300m"):
        stack.deploy()
        filler = stack.folder / "filler"
        subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=1M"], check=False, capture_output=True)  # to the brim
        assert stack.run("diff").returncode == 0
        stack.run("stop")
        stack.run("start")
        assert "No space left on device" in stack.fails(9, "deploy", "--context", "1024")
        stack.run("stop")
        filler.unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(stack.folder)], check=True)
        assert stack.run("diff").returncode == 0
        runs = ids(stack)
        said = stack.fails(9, "deploy", "--context", "1024")
        assert "Mount its read-only file system for writing." in hint(said)
        assert ids(stack) == runs
        stack.run("start")  # SillyTavern itself comes up there
        stack.run("stop")
        stack.run("down")
        assert ids(stack) == []


@pytest.mark.chaos
def test_nothing_starts_where_the_share_with_the_chats_is_gone(stack: Stack, tmp_path: Path) -> None:
    behind, share = tmp_path / "behind", tmp_path / "share"
    for folder in (behind, share):
        folder.mkdir()
    mount = ["mount", "--bind", str(behind), str(share)]
    subprocess.run(mount, check=True)
    (stack.folder / "stack.toml").write_text(f'[sillytavern]\ndata = "{share}/st"\n')
    stack.deploy("--no-proof")
    stack.run("stop")
    subprocess.run(["umount", str(share)], check=True)
    for words in (("start",), ("deploy", "--images", "own")):
        said = stack.fails(9, *words)
        assert f"the chats lie on a disk or share at {share}, which is not mounted" in said
    assert list(share.iterdir()) == []
    subprocess.run(mount, check=True)
    stack.run("start")
    stack.clean()
    subprocess.run(["umount", str(share)], check=True)
