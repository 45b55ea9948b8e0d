"""The deployment's folder: full, read-only, or with a compose.yml that is not ours."""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.orchestrators.compose.render import MARKER
from tests.e2e.conftest import Stack, free_port
from tests.e2e.failing import evidence, files, hint, ids

pytestmark = pytest.mark.engine
WHOLE = {"stack.toml": "[limits]", ".gitignore": "*.kept-*", "compose.yml": "networks:", "stack.lock": '"rendered"'}


@contextlib.contextmanager
def small_disk(stack: Stack, options: str, below: str = ".") -> Iterator[Path]:
    """The stack's folder, or one below it, as a file system of its own in memory."""
    folder = stack.folder / below
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        stack.clean()
        subprocess.run(["umount", str(folder)], check=True)


def assert_nothing_half_written(stack: Stack) -> None:
    for name in files(stack):
        assert ".new" not in name, name
        if name in WHOLE:
            assert WHOLE[name] in (stack.folder / name).read_text(), f"{name} is not whole"


def test_a_disk_without_room_is_said_before_anything_is_written(stack: Stack) -> None:
    with small_disk(stack, "size=1m"):
        said = stack.fails(6, "deploy", "--images", "own")
        assert f"MiB are free on the disk of {stack.folder}; " in said
        assert "free some space: docker system df" in hint(said)
        assert files(stack) == []


@pytest.mark.parametrize("inodes", range(3, 9))  # from our lock to stack.lock, one file more each time
def test_a_disk_that_fills_up_on_the_way_leaves_whole_files_only(stack: Stack, inodes: int) -> None:
    with small_disk(stack, f"size=300m,nr_inodes={inodes}"):
        said = stack.fails(9, "deploy", "--images", "own")
        assert "can't be written: No space left on device" in said
        assert "free some space" in hint(said)
        assert "nothing is lost" in hint(said)
        assert_nothing_half_written(stack)
        assert ids(stack) == []
        subprocess.run(["mount", "-o", "remount,nr_inodes=0", str(stack.folder)], check=True)
        stack.run("render", "--images", "own")
        assert_nothing_half_written(stack)


def test_a_disk_that_is_full_for_sillytavern_is_said_with_its_own_line(stack: Stack) -> None:
    with small_disk(stack, "size=1m,nr_inodes=1", below="sillytavern/config"):
        said = stack.fails(7, "deploy", "--images", "own", "--port", str(free_port()))
        assert "sillytavern: SillyTavern found the disk full" in said
        assert any("ENOSPC" in line for line in evidence(said))
        assert stack.inspect("sillytavern")["State"]["Status"] == "exited"


def test_a_folder_that_is_mounted_read_only_is_said(stack: Stack) -> None:
    with small_disk(stack, "ro"):
        said = stack.fails(9, "deploy", "--images", "own")
        assert "can't be written: Read-only file system" in said


def test_a_data_folder_of_another_user_is_said_with_both_ways_out(stack: Stack) -> None:
    config = stack.folder / "sillytavern" / "config"
    config.mkdir(parents=True)
    subprocess.run(["chown", "-R", "4321", str(stack.folder / "sillytavern")], check=True)
    said = stack.fails(9, "deploy", "--images", "own")
    assert f"{config} belongs to user 4321, but SillyTavern runs as user {stack.folder.stat().st_uid}" in said
    assert "sudo chown -R " in hint(said)
    assert "sillytavern.uid = 4321" in hint(said)
    assert ids(stack) == []


def test_a_compose_yml_without_our_marker_is_kept_aside_and_said(stack: Stack) -> None:
    theirs = "services:\n  web:\n    image: nginx\n"
    (stack.folder / "compose.yml").write_text(theirs)
    said = stack.run("render", "--images", "own").stderr
    assert "compose.yml was not as stackctl wrote it: kept as compose.yml.kept-1" in said
    assert (stack.folder / "compose.yml.kept-1").read_text() == theirs
    assert (stack.folder / "compose.yml").read_text().startswith(MARKER)


def test_a_compose_yml_edited_by_hand_is_kept_aside_each_time_and_said(stack: Stack) -> None:
    stack.run("render", "--images", "own")
    compose = stack.folder / "compose.yml"
    rendered = compose.read_text()
    for number in (1, 2):
        mine = f"{rendered}# my change {number}\n"
        compose.write_text(mine)
        said = stack.run("render", "--images", "own").stderr
        assert f"kept as compose.yml.kept-{number}" in said
        assert (stack.folder / f"compose.yml.kept-{number}").read_text() == mine
        assert compose.read_text() == rendered
    assert "kept" not in stack.run("render", "--images", "own").stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("services: [\n", "compose.yml:2 is not YAML", id="yaml"),
        pytest.param("version: 3\n", "compose.yml has no services", id="services"),
        pytest.param("a: 1\na: 2\n", "a twice in one mapping", id="twice"),
    ],
)
def test_a_broken_compose_yml_is_said_by_the_commands_that_read_it(stack: Stack, text: str, says: str) -> None:
    (stack.folder / "compose.yml").write_text(text)
    for verb in ("status", "stop"):
        assert says in stack.fails(3, verb)


def test_an_empty_folder_has_no_stack_to_look_at(stack: Stack) -> None:
    for verb in ("status", "stop", "logs"):
        said = stack.fails(3, verb)
        assert f"there is no stack in {stack.folder}" in said
        assert "stackctl deploy makes one" in hint(said)


def test_a_folder_that_does_not_exist_is_a_mistake_of_usage(stack: Stack, tmp_path: Path) -> None:
    elsewhere = replace(stack, folder=tmp_path)
    done = elsewhere.run("-C", str(tmp_path / "nowhere"), "deploy", check=False)
    assert done.returncode == 2
    assert "does not exist" in done.stderr
