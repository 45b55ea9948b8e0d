"""Compose judges a file's text before anything changes; whose fault it is, the message says."""

import os
from pathlib import Path

import pytest

from stackctl.effects.storage import Folder, owner_of
from stackctl.errors import ConfigError, EngineError
from stackctl.orchestrators.compose.run import Compose

REFUSES_ALL = "echo 'services.x.nonsense not allowed' >&2; exit 1"
REFUSES_BOTH = 'case "$*" in *override*) echo "yaml: line 3: no" >&2; exit 1;; esac'


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack's folder, and a place for programs on the PATH."""
    for name in ("stack", "bin"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.defpath}")
    return tmp_path / "stack"


def check(stack: Path, script: str) -> None:
    program = stack.parent / "bin" / "docker"
    program.write_text(f'#!/bin/sh\n[ "$2" = version ] && echo 2.40.3 && exit\n{script}\n')
    program.chmod(0o755)
    Compose(Folder(stack, owner_of(stack)), print).check("chat", "services: {}\n")


def test_a_file_that_compose_takes_is_well(stack: Path) -> None:
    check(stack, 'test "$(cat)" = "services: {}"')


def test_where_the_user_s_override_is_at_fault_it_is_named(stack: Path) -> None:
    (stack / "compose.override.yml").touch()
    with pytest.raises(ConfigError, match=r"Compose refuses compose\.override\.yml: yaml: line 3: no") as caught:
        check(stack, REFUSES_BOTH)
    assert caught.value.hint == "Fix it, or move it away. Nothing was changed."
    assert caught.value.evidence == ("yaml: line 3: no",)


@pytest.mark.parametrize("has_override", [True, False])
def test_where_our_own_file_is_at_fault_it_is_no_mistake_of_the_user_s(stack: Path, *, has_override: bool) -> None:
    if has_override:
        (stack / "compose.override.yml").touch()
    with pytest.raises(EngineError, match=r"Compose refuses the file that was rendered: services\.x\.nonsense"):
        check(stack, REFUSES_ALL)
