"""Folders and models on what is no disk of this machine: shares, Windows's drives, and what the engine does not see.

bindfs plays the file systems, as its man page has it for SMB, drvfs and sshfs.
"""

import contextlib
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import gguf_bytes
from tests.e2e.conftest import Stack
from tests.e2e.failing import files, hint, ids
from tests.effects.http_server import serving

pytestmark = [pytest.mark.engine, pytest.mark.machines]
REFUSES = ("--chown-deny", "--chgrp-deny", "--chmod-deny", "--perms=a=rwx", "--force-user=99", "--force-group=100")
DROPS = ("--chown-ignore", "--chgrp-ignore", "--chmod-ignore", "--perms=a=rwx", "--force-user=1000")


@contextlib.contextmanager
def mounted(at: Path, *options: str) -> Iterator[Path]:
    """A file system that makes of owners and permissions what bindfs is told."""
    if not shutil.which("bindfs"):
        pytest.fail("these tests mount by bindfs (Debian, Ubuntu: apt-get install bindfs)", pytrace=False)
    behind = at.with_name(f"{at.name}-behind")
    for folder in (behind, at):
        folder.mkdir(exist_ok=True)
    subprocess.run(["bindfs", *options, str(behind), str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def private_disk(stack: Stack, at: Path) -> Stack:
    """The same stack, whose stackctl alone has a disk there, with a model on it: as beside an engine from a snap."""
    model = at.parent / "good.gguf"
    model.write_bytes(gguf_bytes())
    place, kept, folder = (shlex.quote(str(one)) for one in (at, model, stack.folder))
    disk = f"mount -t tmpfs none {place} && cp {kept} {place} && mkdir -p {folder} && cd {folder}"
    wrapper = at.parent / "stackctl"
    wrapper.write_text(f'#!/bin/sh\nexec unshare -m sh -c \'{disk} && exec {stack.program} "$@"\' stackctl "$@"\n')
    wrapper.chmod(0o755)
    return replace(stack, program=wrapper)


def test_a_stack_on_a_share_that_refuses_owners_is_named_before_anything_is_written(stack: Stack) -> None:
    with mounted(stack.folder, *REFUSES):
        said = stack.fails(9, "deploy", "--images", "own")
        assert f"the file system of {stack.folder} (fuse) refuses to set owners and permissions" in said
        assert "Models may stay where they are" in hint(said)
        assert files(stack) == []
    assert ids(stack) == []


def test_chats_on_one_are_refused_and_a_model_there_is_pulled_and_runs(stack: Stack, tmp_path: Path) -> None:
    with mounted(tmp_path / "share", *REFUSES) as share:
        (tmp_path / "stack.toml").write_text("")
        (stack.folder / "stack.toml").write_text(f'[sillytavern]\ndata = "{share}/chats"\n')
        assert "chats and passwords can't lie there" in stack.fails(9, "deploy", "--images", "own")
        (stack.folder / "stack.toml").unlink()
        with serving(gguf_bytes()) as server:
            pulled = replace(stack, environment={"XDG_DATA_HOME": str(share / "store")})
            model = pulled.run("models", "pull", server.url("tiny.gguf")).stdout.splitlines()[0]
        assert model.startswith(str(share))
        assert stack.deploy("--model", model, "--no-proof")["url"]
        stack.clean()


def test_where_permissions_are_dropped_the_deploy_says_who_can_read_the_key(stack: Stack) -> None:
    with mounted(stack.folder, *DROPS):
        said = stack.run("deploy", "--images", "own", "--no-proof").stderr
        assert (
            "keeps no permissions: every user of this machine who can open it can read the API key (mode 0777)" in said
        )
        stack.clean()


def test_a_model_that_the_engine_alone_does_not_see_is_no_disk_that_is_not_mounted(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    stack.deploy("--no-proof")
    before = ids(stack)
    said = private_disk(stack, tmp_path / "disk").fails(
        4, "deploy", "--images", "own", "--model", f"{tmp_path}/disk/good.gguf"
    )
    assert (
        f"the engine does not see {tmp_path}/disk/good.gguf, which exists here: it has another view of the disk" in said
    )
    assert "Mount the disk or share" not in said
    assert ids(stack) == before
    stack.run("status")


def test_so_is_a_folder(stack: Stack, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    there = private_disk(replace(stack, folder=disk / stack.name), disk)
    said = replace(there, folder=tmp_path).fails(
        4, "deploy", "--images", "own", "--name", stack.name, "--model", "demo"
    )
    assert f"the engine does not see {disk}/" in said
    assert ids(stack) == []
