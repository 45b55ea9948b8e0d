"""What `stackctl render` writes, started by Compose alone."""

import os
import subprocess
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import gguf_bytes
from tests.e2e.conftest import Stack, free_port

pytestmark = [pytest.mark.engine, pytest.mark.machines]
RENDER = ("render", "--model", "demo", "--images", "own")


def start(folder: Path) -> None:
    """Start what lies there as a user without stackctl does."""
    words = ["docker", "compose", "up", "-d", "--wait", "--pull", "never"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_rendered_folder_starts_by_compose_alone_and_is_connected(stack: Stack) -> None:
    os.chown(stack.folder, 1234, 1234)
    said = stack.run(*RENDER, "--paths", "absolute", "--port", str(free_port())).stderr
    assert said.splitlines()[-1].strip() == "the folder is complete: `docker compose up -d` starts the stack"
    start(stack.folder)
    assert "passed" in stack.run("smoke", "--only", "reply").stdout


@pytest.mark.sample
def test_an_archive_starts_elsewhere_by_compose_alone_and_is_connected(stack: Stack, tmp_path: Path) -> None:
    os.chown(stack.folder, 1234, 1234)
    (tmp_path / "tiny.gguf").write_bytes(gguf_bytes())
    (tmp_path / "tiny.gguf").chmod(0o644)
    model = ("--model", str(tmp_path / "tiny.gguf"), "--images", "own", "--port", str(free_port()))
    stack.run("render", *model, "--archive", str(tmp_path / "out.tar"))
    (tmp_path / "elsewhere").mkdir()
    subprocess.run(["tar", "-xpf", tmp_path / "out.tar", "-C", tmp_path / "elsewhere"], check=True)
    for gone in (stack.folder, tmp_path / "tiny.gguf"):
        gone.rename(gone.with_name(f"{gone.name}.gone"))
    there = Stack(folder=tmp_path / "elsewhere" / stack.name, program=stack.program, environment=stack.environment)
    start(there.folder)
    assert "passed" in there.run("smoke", "--only", "reply").stdout
