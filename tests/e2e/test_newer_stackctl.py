"""A newer stackctl over a stack of an older one: nothing that runs changes, but for what is a matter of security."""

import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Stack, free_port

pytestmark = [pytest.mark.engine, pytest.mark.machines]
# there is no release yet: these stand for the last one, and for one of before all that is a matter of security
BEFORE = "824d0d5"  # 2026-11-29
LONG_BEFORE = "add6898"  # 2026-11-24: no API key, no prompt templates
STACK_TOML = 'images = "own"\n[model]\npath = "demo"\n[sillytavern]\nport = {}\n'
SERVICES = ("llamacpp", "sillytavern")


def tree(commit: str, place: Path) -> Path:
    """This repository as it was at a commit, with a version of its own: it was released as none."""
    done = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.fail(
            f"the commit {commit} is not in this clone, which is shallow: git fetch --unshallow (for GitHub's "
            f"actions/checkout: fetch-depth: 0)\n{done.stderr.decode()}",
            pytrace=False,
        )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        tar.extractall(place, filter="data")
    module = place / "stackctl/__init__.py"
    module.write_text(re.sub(r'__version__ = ".*"', '__version__ = "0.0.1"', module.read_text()))
    return place


def deploy_with(place: Path, stack: Stack) -> None:
    """Deploy with the tree of an older stackctl."""
    (stack.folder / "stack.toml").write_text(STACK_TOML.format(free_port()))
    done = subprocess.run(
        [sys.executable, "-m", "stackctl", "deploy"],
        cwd=stack.folder,
        env={**os.environ, **stack.environment, "PYTHONPATH": str(place)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def settings(stack: Stack) -> bytes:
    return (stack.folder / "sillytavern/data/default-user/settings.json").read_bytes()


def test_a_plain_deploy_with_a_newer_stackctl_recreates_no_container_and_leaves_the_page_as_it_is(
    stack: Stack, tmp_path: Path
) -> None:
    deploy_with(tree(BEFORE, tmp_path / "older"), stack)
    text, page = (stack.folder / "compose.yml").read_bytes(), settings(stack)
    ids = [stack.container(name) for name in SERVICES]
    for words in (("deploy",), ("restart", "llamacpp"), ("deploy", "--no-proof")):
        stack.run(*words)
        assert [stack.container(name) for name in SERVICES] == ids
        assert (stack.folder / "compose.yml").read_bytes() == text
        assert settings(stack) == page


def test_what_is_a_matter_of_security_comes_with_its_name_and_the_page_stays_as_it_is(
    stack: Stack, tmp_path: Path
) -> None:
    deploy_with(tree(LONG_BEFORE, tmp_path / "older"), stack)
    page = settings(stack)
    said = stack.run("deploy").stderr
    assert "new, for security: " in said
    assert settings(stack) == page
    stack.run("deploy", "--context", "4096", "--no-proof")
    assert b'"max_context": 4096' in settings(stack)
    assert b'"preset": "ChatML"' not in settings(stack)
