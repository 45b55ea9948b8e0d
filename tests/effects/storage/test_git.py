"""What real git tracks, in repositories of friends and of strangers."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stackctl.effects.storage import git


def run(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


def filled(folder: Path) -> Path:
    """A new repository with two folders and a file in its index."""
    for name in ("one/a", "one/deep/b", "two/[c]", "oneself"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    run(folder, "init", "-q")
    run(folder, "add", "-A")
    return folder


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return filled(tmp_path / "a repository")


def test_the_repository_is_the_innermost_one_and_links_lead_to_the_real_place(top: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(top / "one")
    (top / "two/.git").write_text("gitdir: elsewhere\n")  # as in a submodule or a second working tree
    assert git.repository(tmp_path / "link/not there") == top
    assert git.repository(top / "two/x/y") == top / "two"
    (tmp_path / "loop").symlink_to("loop")
    assert git.repository(tmp_path / "loop/x") is None


def test_tracked_files_are_told_by_the_path_that_they_lie_below(top: Path) -> None:
    (top / "one/untracked").write_text("x")
    asked = [top / "one", top / "two/[c]", top / "two/*", top / ":(no magic)", top / "gone"]
    assert git.tracked(top, asked) == {
        "one": ("one/a", "one/deep/b"),
        "two/[c]": ("two/[c]",),
        "two/*": (),
        ":(no magic)": (),
        "gone": (),
    }
    assert git.tracked(top, [top]) == {".": ("one/a", "one/deep/b", "oneself", "two/[c]")}


def test_of_too_many_names_the_first_are_told(top: Path) -> None:
    assert git.tracked(top, [top], most=8) == {".": ("one/a",)}


def test_a_git_that_stackctl_was_started_by_does_not_lead_elsewhere(
    top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert git.tracked(top, [top / "one/a"]) == {"one/a": ("one/a",)}


def test_without_git_or_a_repository_nothing_is_tracked(
    top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "none/.git").mkdir(parents=True)
    assert git.tracked(tmp_path / "none", [tmp_path / "none"]) == {".": ()}
    (top / ".git/index").write_bytes(b"damaged")
    assert git.tracked(top, [top]) == {".": ()}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git.tracked(top, [top]) == {".": ()}


def test_a_repository_that_has_git_wait_for_ever_is_left_in_time(top: Path) -> None:
    (top / ".git/index").unlink()
    os.mkfifo(top / ".git/index")
    assert git.tracked(top, [top], within_s=0.2) == {".": ()}


def test_no_program_that_a_repository_configures_is_run(top: Path, tmp_path: Path) -> None:
    trap, sprung = tmp_path / "trap", tmp_path / "sprung"
    trap.write_text(f"#!/bin/sh\ntouch {sprung}\n")
    trap.chmod(0o755)
    keys = ("core.fsmonitor", "core.pager", "pager.ls-files", "core.editor", "core.sshCommand", "core.gitProxy")
    for key in (*keys, "core.alternateRefsCommand", "diff.external", "filter.x.clean", "alias.ls-files"):
        run(top, "config", key, str(trap))
    run(top, "config", "protocol.ext.allow", "always")
    (top / ".git/hooks").mkdir(exist_ok=True)
    for name in ("post-index-change", "fsmonitor-watchman", "query-watchman"):
        (top / ".git/hooks" / name).hardlink_to(trap)
    assert git.tracked(top, [top / "one/a"]) == {"one/a": ("one/a",)}
    assert not sprung.exists()


def test_nothing_is_fetched_that_a_repository_lacks(tmp_path: Path) -> None:
    """To tell the files of a sparse index, git reads objects, and would have a remote's own program bring them."""
    top, sprung = filled(tmp_path / "sparse"), tmp_path / "sprung"
    run(top, "-c", "user.name=me", "-c", "user.email=me@localhost", "commit", "-q", "-m", "all")
    run(top, "sparse-checkout", "init", "--cone", "--sparse-index")
    run(top, "sparse-checkout", "set", "one")
    shutil.rmtree(top / ".git/objects")
    (top / ".git/objects").mkdir()
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::touch {sprung}",
        "protocol.ext.allow": "always",
    }.items():
        run(top, "config", key, value)
    git.tracked(top, [top])
    assert not sprung.exists()


def test_as_root_git_runs_as_the_repositorys_owner() -> None:
    """Which git itself wants: it refuses a repository that belongs to anybody but who runs it."""
    with TemporaryDirectory() as made:  # pytest's own folders are closed to other users
        top = filled(Path(made) / "theirs")
        Path(made).chmod(0o755)
        if os.geteuid() == 0:
            for path in (top, *top.rglob("*")):
                os.chown(path, 4321, 4322)
        (top / ".git").chmod(0o700)
        assert git.tracked(top, [top / "one/a"]) == {"one/a": ("one/a",)}
